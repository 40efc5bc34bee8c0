//! The crate does no I/O: nothing that could is among its dependencies.

use std::process::Command;

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "cargo tells its tests where it is"
)]
fn nothing_that_does_io_is_among_the_dependencies() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let tree = Command::new(cargo)
        .args(["tree", "--offline", "--package", "clicks"])
        .args(["--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&tree.stderr);
    assert!(tree.status.success(), "{errors}");
    let tree = String::from_utf8(tree.stdout).unwrap();
    let names: Vec<_> = tree
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert!(names.contains(&"clicks") && names.contains(&"bytes"));
    for name in names {
        let does_io = [
            "tokio", "hyper", "aws", "lambda", "reqwest", "rustls", "mio",
        ]
        .iter()
        .any(|kind| name.starts_with(kind));
        assert!(!does_io, "clicks depends on {name}:\n{tree}");
    }
}
