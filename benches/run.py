"""Runs the benchmarks and prints a table of each; it builds nothing.

    cargo build --release
    python benches/run.py [--quick] [--only compare,function]

The binaries are those in `target/release`, or in `release` below $CARGO_TARGET_DIR. Bounds are reported,
not enforced: the exit code is 1 only if something could not run.
"""

import argparse
import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from pathlib import Path

from rows import Row, table

MODULES = {
    "compare": "Against other programs, and on two cores",
    "function": "The function",
    "stages": "Stages",
    "instructions": "Instructions",
}


def main() -> int:
    """Runs what the arguments ask for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="smaller files, each measured once")
    parser.add_argument("--only", default="", help=f"some of {','.join(MODULES)}")
    arguments = parser.parse_args()
    asked = [name for name in arguments.only.split(",") if name]
    if unknown := [name for name in asked if name not in MODULES]:
        parser.error(f"no such benchmark: {', '.join(unknown)}")
    found = {name: title for name, title in MODULES.items() if importlib.util.find_spec(name)}
    if absent := [name for name in asked if name not in found]:
        parser.error(f"not in this folder: {', '.join(absent)}")
    given = arguments_of_measures(arguments.quick)
    rows, failed = [], []
    for name in asked or found:
        try:
            measured = measure(name, given)
        except Exception:
            traceback.print_exc()
            failed.append(name)
            continue
        print(table(found[name], measured), flush=True)
        rows += measured
    print(closing(rows, failed))
    return 1 if failed else 0


def arguments_of_measures(quick: bool) -> dict[str, object]:
    """Returns the arguments that a `measure` may name."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", Path(__file__).parent.parent / "target")).resolve()
    release = target / "release"
    hello = [path for path in (release / "hello", release / "examples" / "hello") if path.exists()]
    return {
        "quick": quick,
        "target_dir": target,
        "clickstream": release / "clickstream",
        "forwarder": release / "forwarder",
        "hello": hello[0] if hello else None,
    }


def measure(name: str, given: dict[str, object]) -> list[Row]:
    """Returns the rows of one module, given the arguments that its `measure` names."""
    function = importlib.import_module(name).measure
    arguments = {parameter: given[parameter] for parameter in inspect.signature(function).parameters}
    for path in arguments.values():
        if isinstance(path, Path) and not path.exists():
            raise FileNotFoundError(f"{path} does not exist; cargo build --release makes the binaries")
    return function(**arguments)


def closing(rows: list[Row], failed: list[str]) -> str:
    """Returns one line about all rows."""
    bounds = [row for row in rows if row.holds is not None]
    skipped = sum(row.detail.startswith("skipped: ") for row in rows)
    line = f"{sum(bool(row.holds) for row in bounds)} of {len(bounds)} bounds hold."
    line += f" {skipped} figures were skipped." if skipped else ""
    return line + (f" Could not run: {', '.join(failed)}." if failed else "")


if __name__ == "__main__":
    sys.exit(main())
