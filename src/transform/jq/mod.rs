//! Filters and maps that are jq expressions, of which each may take so many steps and no more.

use crate::config::vars::Scope;
use crate::targets::Var;

/// The variables that are jq expressions.
pub const VARS: &[Var] = &[];

/// The jq filter of one target.
#[derive(Debug)]
pub struct JqFilter {}

impl JqFilter {
    /// Reads the filter; `None` if there is none.
    pub fn read(_scope: &Scope<'_>) -> Option<JqFilter> {
        None
    }
}

/// The jq map of one target.
#[derive(Debug)]
pub struct JqMap {}

impl JqMap {
    /// Reads the map; `None` if there is none.
    pub fn read(_scope: &Scope<'_>) -> Option<JqMap> {
        None
    }
}
