//! Random expressions: each ends within its bounds.

use proptest::prelude::*;

use super::{CLICK, on_small_stack};
use crate::transform::jq::bounds::Stop;

/// Generates a constant, a path, or a function without arguments.
fn leaf() -> impl Strategy<Value = String> {
    let functions: Vec<_> = super::super::allowed()
        .into_iter()
        .filter(|name| !name.contains('/') && name != "hmac")
        .collect();
    let constants = [
        ".",
        "..",
        ".a",
        ".[0]",
        ".[]?",
        ".[1:]?",
        "$x",
        "null",
        "true",
        "0",
        "-1",
        "1e300",
        "0.5",
        "\"\"",
        "\"a,b\"",
        "\"\\(.)\"",
        "[]",
        "{}",
        "[1,[2],null]",
        "{a: {b: [3]}}",
        "f",
    ];
    prop_oneof![
        2 => prop::sample::select(constants.to_vec()).prop_map(str::to_owned),
        1 => prop::sample::select(functions),
    ]
}

/// Constructs that are allowed, with places for other expressions.
const FORMS: &[&str] = &[
    "A | B",
    "A, B",
    "A // B",
    "A + B",
    "A - B",
    "A * B",
    "A / B",
    "A % B",
    "A < B",
    "A == B",
    "A and B",
    "A or B",
    "-A",
    "[A]",
    "{a: A, (B | tostring): C}",
    "\"\\(A)-\\(B)\"",
    "if A then B else C end",
    "try A catch B",
    "A?",
    "reduce A as $x (B; C)",
    "foreach A as $x (B; C; .)",
    "label $out | A | B, break $out",
    "A as [$x, {a: $y}] | B",
    "def f: A; B",
    "def f: A | f; B",
    "def g(f): A; g(B)",
    "A = B",
    "A |= B",
    "A += B",
    "A //= B",
    "path(A)",
    "first(A)",
    "limit(A; B)",
    "range(A; B; C)",
    "sort_by(A)",
    "group_by(A)",
    "unique_by(A)",
    "min_by(A)",
    "map(A)",
    "recurse(A)",
    "walk(A)",
    "until(A; B)",
    "with_entries(A)",
    "del(A)",
    "paths(A)",
    "any(A; B)",
    "all(A; B)",
    "getpath(A)",
    "setpath(A; B)",
    "has(A)",
    "join(A)",
    "split(A)",
    "A | gsub(\"a*\"; B)",
    "A | scan(\".\")",
];

/// Generates an expression of constructs that are allowed; `$x` and `f` stand in it for a variable
/// and a function.
fn expression() -> impl Strategy<Value = String> {
    leaf().prop_recursive(5, 40, 3, move |part| {
        let form = prop::sample::select(FORMS);
        (form, part.clone(), part.clone(), part).prop_map(|(form, a, b, c)| {
            let filled = form.chars().map(|sign| match sign {
                'A' => format!("({a})"),
                'B' => format!("({b})"),
                'C' => format!("({c})"),
                other => other.to_string(),
            });
            filled.collect()
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// On a stack as small as a worker's: a panic or an endless run fails the test.
    #[test]
    fn every_expression_ends_within_its_bounds(
        expression in expression(),
        input in prop::sample::select(vec!["null", "[3,1,[2]]", "{\"a\":[\"b\",{}]}", CLICK]),
    ) {
        let expression = format!("def f: .; 1 as $x | {expression}");
        let end = on_small_stack(&expression, input);
        prop_assert!(!matches!(end, Err(Stop::Break(_))), "{expression}");
    }
}
