//! Expected outputs, kept beside the inputs. `make golden` rewrites them; review the diff.

use std::path::Path;

/// Compares `actual` with the golden file `name`, or rewrites it.
#[expect(
    clippy::disallowed_methods,
    reason = "a switch for people, not for the program"
)]
pub fn check(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, actual).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    let line = expected
        .lines()
        .zip(actual.lines())
        .position(|(a, b)| a != b)
        .unwrap_or(expected.lines().count());
    assert!(
        expected == actual,
        "tests/golden/{name} differs from line {} on; `make golden` rewrites it\nexpected: {}\nactual:   {}",
        line + 1,
        expected.lines().nth(line).unwrap_or("<end>"),
        actual.lines().nth(line).unwrap_or("<end>"),
    );
}
