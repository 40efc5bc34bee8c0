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
        combinations(&columns, |members| {
            let mut object = Map::with_capacity_and_hasher(members.len(), Default::default());
            for Named { name, value } in members {
                self.bounds
                    .bytes(3 * VALUE + text(name).map_or(0, str::len))?;
                object.insert(name.clone(), value.clone());
            }
            let object = Val::obj(object);
            self.bounds.walk(&object)?;
            self.give(input, object, out)
        })
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
        combinations(&columns, |parts| {
            let mut made = String::new();
            for part in parts.iter().filter_map(|part| text(part)) {
                self.bounds.bytes(part.len())?;
                made.push_str(part);
            }
            self.bounds.bytes(VALUE)?;
            self.give(input, Val::from(made), out)
        })
    }
}

/// A member that an object may have.
#[derive(Debug)]
struct Named {
    name: Val,
    value: Val,
}

/// Runs `then` on each combination of one value of every column, the last column the fastest. There
/// is none if a column is empty.
fn combinations<T>(columns: &[Vec<T>], mut then: impl FnMut(&[&T]) -> Flow) -> Flow {
    let mut chosen = vec![0; columns.len()];
    loop {
        let values = columns
            .iter()
            .zip(&chosen)
            .map(|(column, at)| column.get(*at));
        let Some(values) = values.collect::<Option<Vec<_>>>() else {
            return Ok(());
        };
        then(&values)?;
        if !advance(&mut chosen, columns) {
            return Ok(());
        }
    }
}

/// Chooses the next combination; `false` if there is none.
fn advance<T>(chosen: &mut [usize], columns: &[Vec<T>]) -> bool {
    for (at, column) in chosen.iter_mut().zip(columns).rev() {
        *at += 1;
        if *at < column.len() {
            return true;
        }
        *at = 0;
    }
    false
}
