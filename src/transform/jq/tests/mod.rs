//! Tests of the language, of its bounds, and of its mistakes.

mod random;

use std::thread;

use super::bounds::{Bound, Bounds, Stop};
use super::eval::Run;
use super::{json, parse};

/// The stack of a worker of tokio, and half of it.
const STACK: usize = 1 << 20;

/// A click of 57 values.
const CLICK: &str = include_str!("../../../../tests/data/rules/click.json");

fn outcome(expression: &str, input: &str) -> Result<Vec<String>, Stop> {
    let program = parse::compile(expression, None).unwrap_or_else(|e| panic!("{expression}: {e}"));
    let bounds = Bounds::default();
    let run = Run {
        program: &program,
        bounds: &bounds,
    };
    let mut out = Vec::new();
    run.run(json::read(input.as_bytes())?, &mut |value| {
        let mut text = Vec::new();
        json::write(&Bounds::default(), &value, &mut text)?;
        out.push(String::from_utf8(text).unwrap());
        Ok(())
    })?;
    Ok(out)
}

/// Runs on a stack as small as that of a worker.
fn on_small_stack(expression: &str, input: &str) -> Result<Vec<String>, Stop> {
    let (expression, input) = (expression.to_owned(), input.to_owned());
    thread::Builder::new()
        .stack_size(STACK)
        .spawn(move || outcome(&expression, &input))
        .unwrap()
        .join()
        .unwrap()
}

fn yields(expression: &str, input: &str) -> String {
    match outcome(expression, input) {
        Ok(values) => values.join(" "),
        Err(Stop::Error(error)) => {
            format!("error: {}", super::value::text(&error).unwrap_or("a value"))
        }
        Err(stop) => format!("{stop:?}"),
    }
}

/// Expressions, their inputs, and what they yield.
#[test]
fn the_language_is_jq() {
    let cases = include_str!("../../../../tests/data/rules/language.txt");
    let mut wrong = Vec::new();
    for case in cases.split("\n\n").filter(|case| !case.starts_with('#')) {
        let lines: Vec<_> = case.trim_end().lines().collect();
        let [expression, input, rest @ ..] = &lines[..] else {
            continue;
        };
        let found = yields(expression, input);
        let expected = rest.join(" ").replace("nothing", "");
        if found != expected {
            wrong.push(format!(
                "{expression}\n  on {input}\n  yields {found}\n  not    {expected}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_expression_takes_more_than_its_share() {
    let hostile = include_str!("../../../../tests/data/rules/hostile.jq");
    let expressions = hostile
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let (mut stopped, mut others) = (0, Vec::new());
    for expression in expressions {
        match on_small_stack(expression, CLICK) {
            Err(Stop::Over(_)) => stopped += 1,
            other => others.push(format!("{expression}: {}", other.is_ok())),
        }
    }
    assert!(others.is_empty(), "{}", others.join("\n"));
    assert!(stopped > 90, "{stopped}");
}

#[test]
fn a_value_is_never_deeper_than_its_reader() {
    let deep = format!("{}1{}", "[".repeat(199), "]".repeat(199));
    assert_eq!(yields("[..] | length", &deep), "200");
    let deeper = format!("{}1{}", "[".repeat(300), "]".repeat(300));
    assert!(matches!(outcome(".", &deeper), Err(Stop::Error(_))));
    assert!(matches!(
        outcome("reduce range(300) as $i (.; [.])", "1"),
        Err(Stop::Over(Bound::Levels))
    ));
}

#[test]
fn numbers_keep_their_digits() {
    for digits in [
        "123456789012345678",
        "12345678901234567890123",
        "48.8500000000000001",
        "1.50",
        "-0",
        "1e5",
        "0.1",
    ] {
        assert_eq!(yields(".", digits), digits);
        assert_eq!(yields("{a: .} | .a | [.] | .[0]", digits), digits);
    }
    assert_eq!(yields("-.", "48.8500000000000001"), "-48.8500000000000001");
    assert_eq!(yields(". + 1", "123456789012345678"), "123456789012345679");
    assert_eq!(yields(". + 1", "48.8500000000000001"), "49.85", "a float");
}

#[test]
fn sorting_never_fails_over_numbers_that_no_order_has_room_for() {
    // Integers of which several are one float, that float, and what is no number.
    let expression = "[range(9007199254740980; 9007199254741010)] | . + map(. + 0.0) + [nan, nan, 1] \
                      | . + . | sort, unique, group_by(.), (. - [nan]) | length";
    assert!(outcome(expression, "null").is_ok());
}

#[test]
fn errors_are_caught_and_bounds_are_not() {
    assert_eq!(yields("try error(\"x\") catch .", "null"), "\"x\"");
    for expression in [
        "try last(range(1e15)) catch 1",
        "(last(range(1e15)))? // 1",
        "[.[]?, last(range(1e15))] // 1",
        "first(last(range(1e15)))",
        "label $out | last(range(1e15)), break $out",
        "any(last(range(1e15)); true)",
        "isempty(last(range(1e15)))",
        "sort_by(last(range(1e15)))",
    ] {
        let found = outcome(expression, "[1,2]");
        assert!(
            matches!(found, Err(Stop::Over(Bound::Steps))),
            "{expression}: {found:?}"
        );
    }
}

fn mistake(expression: &str) -> String {
    parse::compile(expression, None).unwrap_err()
}

#[test]
fn every_refused_function_says_why_and_where() {
    for (expression, said) in [
        (
            "env.HOME",
            "env cannot be used: the environment cannot be read",
        ),
        ("$ENV.HOME", "the environment cannot be read"),
        (".a | inputs", "inputs cannot be used"),
        ("now", "now cannot be used"),
        ("halt", "halt cannot be used"),
        ("import \"a\" as a; .", "imported"),
        ("include \"a\"; .", "imported"),
        (".a | ascii_downcas", "did you mean ascii_downcase?"),
        ("map_value(.)", "did you mean map_values/1?"),
        ("length(1)", "length takes 0 arguments, not 1"),
        ("frobnicate", "there is no function frobnicate here"),
        ("test(.a)", "must be written out between quotes"),
        ("test(\"(\")", "the pattern"),
        ("test(\"a\"; \"q\")", "is no flag"),
        ("hmac", "hmac needs a key"),
        ("$x", "there is no variable $x"),
        ("break $x", "there is no label $x"),
        ("debug", "debug cannot be used"),
        ("a::b", "there is no function a::b here"),
    ] {
        let found = mistake(expression);
        assert!(found.contains(said), "{expression}: {found}");
    }
}

#[test]
fn a_mistake_has_a_caret_below_it() {
    assert_eq!(
        mistake(".client.agent.type = = \"human\""),
        "found =; expected term (column 22)\n      \
         .client.agent.type = = \"human\"\n                           ^"
    );
    assert_eq!(
        mistake("{\n  id,\n  country: .client.location.country\n  city: 1\n}"),
        "found city; expected comma or right brace (line 4, column 3)\n        city: 1\n        ^"
    );
    for wrong in [
        "(",
        ")",
        "[.a",
        "\"abc",
        ".a &",
        "'a'",
        ".a |",
        "if 1",
        "1 as",
        "",
        "é",
        "\"\\u12\"",
        ".",
    ] {
        if let Err(said) = parse::compile(wrong, None) {
            assert!(
                said.contains('^') && !said.contains('\u{1b}'),
                "{wrong}: {said}"
            );
        } else {
            assert_eq!(wrong, ".");
        }
    }
}

#[test]
fn an_expression_of_nothing_but_brackets_is_a_mistake_and_no_crash() {
    for (open, close) in [
        ("(", ")"),
        ("[", "]"),
        ("{a:", "}"),
        ("-", ""),
        ("\"\\(", ")\""),
        ("try ", ""),
        ("if . then ", " else . end"),
        (".[", "]"),
        ("1|", ""),
        ("1,", ""),
        ("1+", ""),
        ("def f: ", "; f"),
        (". as [$a] | ", ""),
        (". as [", "$a] | ."),
        ("reduce . as $x (1; ", ")"),
        (".a as {a: ", "$x} | ."),
    ] {
        let times = parse::LONGEST / (open.len() + close.len()) - 1;
        let text = format!("{}.{}", open.repeat(times), close.repeat(times));
        let _ = parse::compile(&text, None);
        let _ = parse::compile(&open.repeat(times), None);
    }
    let long = format!(".a{}", " ".repeat(parse::LONGEST));
    assert!(mistake(&long).contains("an expression may have"));
}

#[test]
fn every_function_that_is_allowed_can_be_called() {
    let known = super::allowed();
    assert!(known.len() > 120, "{}", known.len());
    for function in known {
        let (name, arity) = function.split_once('/').unwrap_or((&function, "0"));
        let arguments = vec!["\"g\""; arity.parse().unwrap()].join("; ");
        let call = match arguments.is_empty() {
            true => name.to_owned(),
            false => format!("{name}({arguments})"),
        };
        match parse::compile(&call, None) {
            Err(said) => assert!(name == "hmac" && said.contains("key"), "{call}: {said}"),
            Ok(_) => {
                for input in ["null", "1", "\"a\"", "[1,[2]]", "{\"a\":1}"] {
                    let _ = on_small_stack(&call, input);
                }
            }
        }
    }
}

#[test]
fn an_odd_number_is_written_as_jq_does() {
    assert_eq!(
        yields("nan, infinite, -infinite", "1"),
        "null 1.7976931348623157e308 -1.7976931348623157e308"
    );
    assert_eq!(
        yields("1 / 3, 3.0, 1e100 * 10, 2 / 4", "1"),
        "0.3333333333333333 3.0 1e101 0.5"
    );
}
