//! The functions that are written in jq.

use std::sync::LazyLock;

use jaq_core::load::parse::Def;

use crate::transform::jq::functions::Signature;

const PRELUDE: &str = include_str!("../prelude.jq");

static DEFINITIONS: LazyLock<Vec<Def<&'static str>>> =
    LazyLock::new(|| jaq_core::load::parse(PRELUDE, |parser| parser.defs()).unwrap_or_default());

fn signature(def: &Def<&'static str>) -> Signature {
    Signature::new(def.name, def.args.len())
}

/// Returns the functions that are written in jq, with the numbers of their arguments.
pub(in crate::transform::jq) fn written_in_jq() -> impl Iterator<Item = Signature> {
    DEFINITIONS.iter().map(signature)
}

/// Finds a function that is written in jq.
pub(super) fn find(name: &str, arity: usize) -> Option<&'static Def<&'static str>> {
    DEFINITIONS
        .iter()
        .find(|def| def.name == name && def.args.len() == arity)
}
