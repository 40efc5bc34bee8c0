"""What the program knows: its variables, its reserved names, its metrics. From the sources, so nothing has to be built,
or from the command itself, if CLICKSTREAM names it."""

import os
import re
import subprocess

from cfn import ROOT

SRC = ROOT / "src"


def text(path):
    return (SRC / path).read_text()


def global_variables():
    return set(re.findall(r'^    \(\s*"([A-Z_]+)",', between(text("config.rs"), "pub const GLOBALS", "\n];"), re.M))


def variables():
    """The variables of no target, and those of each kind without the target's name."""
    command = os.environ.get("CLICKSTREAM")
    if command:
        return told(subprocess.run([command, "variables"], check=True, capture_output=True, text=True).stdout)
    names = lambda part: set(re.findall(r'Var \{\s*name: "([A-Z_*]+)"', part))
    common = names(between(text("target/kinds.rs"), "pub const COMMON", "\n];"))
    inside_aws = names(between(text("target/aws.rs"), "VARS: &[Var]", "\n];"))
    kinds = {}
    for path in sorted((SRC / "target").glob("*.rs")):
        source = path.read_text()
        if "KIND: Kind = Kind {" in source:
            kind = between(source, "KIND: Kind = Kind {", "\n};")
            shared = inside_aws if "shared: aws::VARS" in kind else set()
            kinds[re.search(r'name: "(\w+)"', kind)[1]] = names(kind) | shared | common
    return global_variables(), kinds


def told(output):
    """The answer of `clickstream variables`: a line each, `NAME` or `kind NAME`."""
    words = [line.split() for line in output.splitlines() if line.strip()]
    kinds = {}
    for kind, name in (line for line in words if len(line) == 2):
        kinds.setdefault(kind, set()).add(name)
    return {line[0] for line in words if len(line) == 1}, kinds


def reserved():
    """Beginnings that no target's name may have."""
    return set(re.findall(r'"([A-Z]+)"', between(text("config/names.rs"), "const RESERVED", ";"))) | global_variables()


def metrics():
    """Where they are, those of the function, those of each target."""
    source = text("metrics.rs")
    of = lambda name: set(re.findall(r"Metric::(\w+)", between(source, f"pub const {name}", "];")))
    return re.search(r'NAMESPACE: &str = "(\w+)"', source)[1], of("OF_FUNCTION"), of("OF_TARGET")


def seconds(name):
    """A constant of src/trigger/again.rs."""
    return int(re.search(rf"const {name}: Duration = Duration::from_secs\((\d+)\)", text("trigger/again.rs"))[1])


def between(source, start, end):
    assert start in source, f"{start} is not where it was"
    rest = source.split(start, 1)[1]
    return rest.split(end, 1)[0]
