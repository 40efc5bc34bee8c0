//! Plain filters: the usual wishes, each a variable, without an expression.

use crate::config::vars::Scope;
use crate::targets::Var;

/// The variables of plain filters.
pub const VARS: &[Var] = &[];

/// The plain filters of one target.
#[derive(Debug)]
pub struct Filters {}

impl Filters {
    /// Reads the filters; `None` if there are none.
    pub fn read(_scope: &Scope<'_>) -> Option<Filters> {
        None
    }
}
