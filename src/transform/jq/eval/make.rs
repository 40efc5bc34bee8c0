//! Makes texts, arrays and objects.

use jaq_json::{Map, Val};

use super::{Item, Run, Scope, Yield};
use crate::transform::jq::bounds::{Flow, VALUE, fail};
use crate::transform::jq::program::{Member, Node, Piece};
use crate::transform::jq::value::{kind, text};

impl Run<'_> {
    #[inline(never)]
    pub(super) fn array<'e>(
        &'e self,
        body: Option<&'e Node>,
        scope: Scope<'e>,
        input: &Item,
        out: Yield<'_>,
    ) -> Flow {
        let mut items = Vec::new();
        self.bounds.bytes(VALUE)?;
        if let Some(body) = body {
            self.values(body, scope, &input.value, &mut |value| {
                self.bounds.bytes(VALUE)?;
                items.push(value);
                Ok(())
            })?;
        }
        let array = Val::Arr(items.into());
        self.bounds.walk(&array)?;
        self.give(input, array, out)
    }

    #[inline(never)]
    pub(super) fn object<'e>(
        &'e self,
        members: &'e [Member],
        scope: Scope<'e>,
        input: &Item,
        out: Yield<'_>,
    ) -> Flow {
        let mut columns = Vec::with_capacity(members.len());
        for member in members {
            let mut column = Vec::new();
            self.values(&member.name, scope, &input.value, &mut |name| {
                if !matches!(name, Val::TStr(_)) {
                    let found = kind(&name);
                    return fail(format!(
                        "the name of a member must be a string, not {found}"
                    ));
                }
                self.values(&member.value, scope, &input.value, &mut |value| {
                    self.bounds.bytes(VALUE)?;
                    column.push(Named {
                        name: name.clone(),
                        value,
                    });
                    Ok(())
                })
            })?;
            columns.push(column);
        }
        let mut chosen = vec![0; columns.len()];
        if columns.iter().any(Vec::is_empty) {
            return Ok(());
        }
        loop {
            let mut object = Map::with_capacity_and_hasher(columns.len(), Default::default());
            for (column, at) in columns.iter().zip(&chosen) {
                if let Some(Named { name, value }) = column.get(*at) {
                    self.bounds
                        .bytes(3 * VALUE + text(name).map_or(0, str::len))?;
                    object.insert(name.clone(), value.clone());
                }
            }
            let object = Val::obj(object);
            self.bounds.walk(&object)?;
            self.give(input, object, out)?;
            let lengths: Vec<usize> = columns.iter().map(Vec::len).collect();
            if !advance(&mut chosen, &lengths) {
                return Ok(());
            }
        }
    }

    #[inline(never)]
    pub(super) fn text<'e>(
        &'e self,
        pieces: &'e [Piece],
        scope: Scope<'e>,
        input: &Item,
        out: Yield<'_>,
    ) -> Flow {
        let mut columns = Vec::with_capacity(pieces.len());
        for piece in pieces {
            let mut column = Vec::new();
            match piece {
                Piece::Plain(text) => column.push(Val::from(text.clone())),
                Piece::Filled(body, format) => {
                    self.values(body, scope, &input.value, &mut |value| {
                        self.bounds.bytes(VALUE)?;
                        column.push((format.run)(self.bounds, &value, &[])?);
                        Ok(())
                    })?;
                }
            }
            columns.push(column);
        }
        let mut chosen = vec![0; columns.len()];
        if columns.iter().any(Vec::is_empty) {
            return Ok(());
        }
        loop {
            let mut made = String::new();
            for (column, at) in columns.iter().zip(&chosen) {
                let part = column.get(*at).and_then(text).unwrap_or_default();
                self.bounds.bytes(part.len())?;
                made.push_str(part);
            }
            self.bounds.bytes(VALUE)?;
            self.give(input, Val::from(made), out)?;
            let lengths: Vec<usize> = columns.iter().map(Vec::len).collect();
            if !advance(&mut chosen, &lengths) {
                return Ok(());
            }
        }
    }
}

/// A member that an object may have.
#[derive(Debug)]
struct Named {
    name: Val,
    value: Val,
}

/// Chooses the next combination; `false` if there is none.
fn advance(chosen: &mut [usize], lengths: &[usize]) -> bool {
    for (at, length) in chosen.iter_mut().zip(lengths).rev() {
        *at += 1;
        if *at < *length {
            return true;
        }
        *at = 0;
    }
    false
}
