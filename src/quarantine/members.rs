//! The members of a row as it is read back.

use clicks::click::ClickId;
use clicks::json::Tape;

use super::row::RowClick;
use crate::transform::Applied;

/// The members of an object of a row.
#[derive(Clone, Copy)]
pub(super) struct Members<'t> {
    pub(super) tape: Tape<'t>,
    pub(super) root: u32,
}

impl<'t> Members<'t> {
    pub(super) fn string(self, name: &str) -> Option<String> {
        let value = self.tape.get(self.root, name)?;
        Some(self.tape.string(value)?.into_owned())
    }

    /// A value as it is written.
    pub(super) fn digits(self, name: &str) -> Option<&'t [u8]> {
        Some(self.tape.raw(self.tape.get(self.root, name)?))
    }

    pub(super) fn number(self, name: &str) -> Option<u64> {
        std::str::from_utf8(self.digits(name)?).ok()?.parse().ok()
    }

    /// The click to which these rules were `applied`, if the row has one; `None` if it cannot be
    /// read.
    pub(super) fn click(self, applied: Applied) -> Option<Option<RowClick>> {
        if self.digits("n").is_none() {
            return Some(None);
        }
        let occurrence = u32::try_from(self.number("n")?).ok();
        Some(Some(RowClick {
            occurrence: occurrence.filter(|n| *n > 0)?,
            id: self.string("click_id").and_then(|id| ClickId::parse(&id)),
            applied,
        }))
    }

    /// The click, whose id must be known, and the rules that were applied to it.
    pub(super) fn known_click(self) -> Option<RowClick> {
        let applied = Members {
            root: self.tape.get(self.root, "applied")?,
            ..self
        };
        let is = |name: &str| match applied.digits(name)? {
            b"true" => Some(true),
            b"false" => Some(false),
            _ => None,
        };
        let applied = Applied {
            filters: is("filters")?,
            privacy: is("privacy")?,
        };
        let click = self.click(applied)??;
        click.id.map(|_| click)
    }
}
