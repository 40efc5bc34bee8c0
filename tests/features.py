"""Fails if a crate has other features in a build of the programs than in one of the tests.

Such a crate, and every crate that depends on it, is compiled twice: once for `make demo`, once for `make test`. The way
out is to name the missing features in Cargo.toml, where its comment says.
"""

import subprocess
import sys


def features(edges):
    """Maps each crate, with its version, to the features that it is compiled with."""
    command = ["cargo", "tree", "--workspace", "--edges", edges, "--prefix", "none", "--no-dedupe", "--format", "{p}|{f}"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return dict(line.split("|") for line in printed.splitlines() if line)


def main():
    programs, tests = features("normal,build"), features("normal,build,dev")
    apart = [crate for crate in programs if programs[crate] != tests[crate]]
    for crate in apart:
        missing = set(tests[crate].split(",")) - set(programs[crate].split(","))
        print(f"{crate} is compiled twice: only tests ask for {', '.join(sorted(missing))}; see Cargo.toml", file=sys.stderr)
    sys.exit(1 if apart else 0)


if __name__ == "__main__":
    main()
