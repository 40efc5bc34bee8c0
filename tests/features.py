"""Fails if a crate has other features in one of the builds than in another: the demo, the programs, the tests.

Such a crate, and every crate that depends on it, is compiled once for each. The way out is to name the missing features
in Cargo.toml, where its comment says.
"""

import subprocess
import sys

OWN = "clickstream-forwarder "


def features(*options, edges="normal,build"):
    """Maps each crate, with its version, to the features that it is compiled with."""
    command = ["cargo", "tree", *options, "--edges", edges, "--prefix", "none", "--no-dedupe", "--format", "{p}|{f}"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return dict(line.split("|") for line in printed.splitlines() if line and not line.startswith(OWN))


def main():
    tests = features("--workspace", edges="normal,build,dev")
    builds = {"demo": features("--no-default-features"), "programs": features("--workspace")}
    apart = [(name, crate) for name, build in builds.items() for crate in build if build[crate] != tests[crate]]
    for name, crate in apart:
        missing = set(tests[crate].split(",")) - set(builds[name][crate].split(","))
        print(f"{crate} is compiled twice: the {name} lack {', '.join(sorted(missing))}; see Cargo.toml", file=sys.stderr)
    sys.exit(1 if apart else 0)


if __name__ == "__main__":
    main()
