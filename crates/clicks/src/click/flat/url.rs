//! The columns of parameters that stand in the destination's URL alone.

use std::sync::LazyLock;

use super::Column;
use crate::click::Click;
use crate::click::fields::{CLICK, walk};
use crate::click::normal::Value;
use crate::click::query::UrlQuery;
use crate::json::text;

/// A parameter that has a column wherever it is found.
struct Parameter {
    name: &'static str,
    column: Column,
}

static PARAMETERS: LazyLock<Vec<Parameter>> = LazyLock::new(|| {
    let mut parameters = Vec::new();
    walk(CLICK, "", &mut |_, field| {
        let column = field.column.filter(|_| field.is_late);
        parameters.extend(column.map(|column| Parameter {
            name: field.name,
            column: Column::new(column),
        }));
    });
    parameters
});

/// Writes the columns of the parameters in the URL of `destination`, which came without parsed ones.
#[inline(never)]
pub(super) fn parameters(click: &Click<'_>, destination: Value, out: &mut Vec<u8>) {
    let Some(query) = UrlQuery::of(&click.normal, destination) else {
        return;
    };
    // The first value counts.
    let mut written = vec![false; PARAMETERS.len()];
    for (name, value) in query.pairs() {
        for (parameter, written) in PARAMETERS.iter().zip(&mut written) {
            if !*written && *name == *parameter.name.as_bytes() {
                parameter.column.write(out);
                text::write_string(&value, out);
                *written = true;
            }
        }
    }
}
