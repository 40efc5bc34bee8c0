//! The one list of what is known of a click. The flat row, the JSON Schemas, the warehouse columns
//! and the table of `docs/click.md` are made from it; a field that is not here travels all the
//! same.

mod list;

use std::sync::LazyLock;

pub use list::CLICK;
use list::{DESTINATION, QUERY};

/// The type of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Text.
    String,
    /// RFC 3339 in UTC.
    Time,
    /// `true` or `false`.
    Bool,
    /// A number.
    Number,
    /// A whole number. Only a column of [`ADDED`] may be one: in a delivered field nothing says that
    /// a number stays whole.
    Integer,
    /// An array of texts, of which a column takes the first.
    Strings,
    /// An object of any shape; in a column, its JSON text.
    Json,
    /// An object with known members.
    Object(&'static [Field]),
}

/// A known member of a click.
#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    /// The member's name.
    pub name: &'static str,
    /// Its type.
    pub kind: Type,
    /// Its column in the flat row.
    pub column: Option<&'static str>,
    /// Whether its column stands behind [`EXTRA`], which holds the value too: one that came when
    /// tables and queries over the others were in use.
    pub is_late: bool,
    /// Its meaning, for people.
    pub doc: &'static str,
}

impl Field {
    /// Whether the names of its members are data, of which there is no end.
    pub fn is_open(&self) -> bool {
        self.kind == Type::Json || self.is_query()
    }

    /// Whether it holds the parameters of the destination.
    pub(super) fn is_query(&self) -> bool {
        self.kind == Type::Object(QUERY)
    }

    /// Whether it is the destination.
    pub(super) fn is_destination(&self) -> bool {
        self.kind == Type::Object(DESTINATION)
    }
}

/// The columns that the forwarder itself fills: name, type, meaning. `flat::row` and `flat::source`
/// write them, `columns` says where they stand.
pub const ADDED: &[(&str, Type, &str)] = &[
    (
        "click_id",
        Type::String,
        "the click's id: a UUID of version 8, the same however often the click comes",
    ),
    (
        "batch_key",
        Type::String,
        "the key of the envelope the click came in, else the object's base name",
    ),
    (
        "source_object",
        Type::String,
        "the object the click was read from, as s3://bucket/key",
    ),
    (
        "source_index",
        Type::Integer,
        "the click's position in that object, from 0",
    ),
];

/// The column for what has none.
pub const EXTRA: (&str, &str) = ("extra", "everything without a column, as a JSON text");

/// The last column, which `flat::row` writes where a user has given a [rule](super::QrRule): name,
/// type, meaning.
pub const IS_QR: (&str, Type, &str) = (
    "is_qr",
    Type::Bool,
    "whether the click came from a QR code, by the rule in QR_WHEN; absent without one",
);

/// The number of a name that some field of a click has; 0 for any other.
pub type FieldId = u8;

/// The number of `name`.
pub fn field_id(name: &[u8]) -> FieldId {
    static NAMES: LazyLock<Vec<&str>> = LazyLock::new(|| {
        let mut names = Vec::new();
        walk(CLICK, "", &mut |_, field| names.push(field.name));
        names.sort_unstable();
        names.dedup();
        names
    });
    NAMES
        .binary_search_by(|known| known.as_bytes().cmp(name))
        .map_or(0, |at| at as FieldId + 1)
}

/// Calls `visit` with the path and the field of every known member, parents first.
pub fn walk(fields: &'static [Field], prefix: &str, visit: &mut impl FnMut(&str, &'static Field)) {
    for field in fields {
        let path = if prefix.is_empty() {
            field.name.to_owned()
        } else {
            format!("{prefix}.{}", field.name)
        };
        visit(&path, field);
        if let Type::Object(members) = field.kind {
            walk(members, &path, visit);
        }
    }
}
