//! Privacy: which parts of a click leave for a target, and in which form.

use crate::config::vars::Scope;
use crate::targets::Var;

/// The variables of privacy.
pub const VARS: &[Var] = &[];

/// The privacy rules of one target.
#[derive(Debug)]
pub struct Privacy {}

impl Privacy {
    /// Reads the rules; `None` if there are none.
    pub fn read(_scope: &Scope<'_>) -> Option<Privacy> {
        None
    }
}
