"""Counts the instructions of a click and compares them with those recorded in `instructions.json`.

    cargo bench --package clicks --bench instructions --no-run
    python benches/instructions.py            shows them
    python benches/instructions.py --check    exits with 1 if they have grown by more than 5 %
    python benches/instructions.py --update   records them

It counts those of N more clicks, so that starting the program and making its input count for nothing.
SHA-256 is left out: Valgrind's processor has no instructions for it and computes it in software.
The counts do not change from run to run, but with the compiler, the C library and the architecture.
"""

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from rows import Row, table
from stages import newest

RECORD = Path(__file__).with_name("instructions.json")
# The work, what its clicks have in common, the number of clicks that is counted, and what to call it.
WORKS = {
    "decode campaign": (2000, "clicks of one large file, campaign"),
    "decode unlike": (2000, "clicks of one large file, unlike"),
    "flat campaign": (2000, "clicks of one large file in the form flat, campaign"),
    "flat unlike": (2000, "clicks of one large file in the form flat, unlike"),
    "small campaign": (200, "files of one click, campaign"),
    "small unlike": (200, "files of one click, unlike"),
}
# Functions of these crates are left out.
LEFT_OUT = "sha2::"
# The tolerated ratio of counted to recorded instructions.
TOLERATED = 1.05
# What builds the program.
BUILD = "cargo bench --package clicks --bench instructions --no-run"
UPDATE = "python benches/instructions.py --update"
NO_VALGRIND = "valgrind is not installed: apt-get install valgrind"

Counts = dict[str, float]


class Impossible(Exception):
    """Why nothing can be counted or compared."""


def measure(target_dir: Path, quick: bool) -> list[Row]:
    """Returns the ratio of counted to recorded instructions of all work; `quick` changes nothing."""
    del quick
    try:
        counts = count_all(target_dir)
        record = recorded()
    except Impossible as why:
        return [Row.skipped("instructions", str(why))]
    rows = []
    for work, count in counts.items():
        what, was = WORKS[work][1], record[work]
        detail = f"{count:,.0f} a click, {was:,.0f} recorded ({record['rustc']})"
        rows.append(Row.of(f"{what}: instructions / recorded", count / was, "x", f"<= {TOLERATED}", detail))
    return rows


def count_all(target_dir: Path) -> Counts:
    """Returns the instructions per click of all work."""
    if not shutil.which("valgrind"):
        raise Impossible(NO_VALGRIND)
    program = newest(target_dir / "release", "instructions")
    if not program:
        raise Impossible(f"not built: {BUILD}")
    counts = {}
    for work, (n, _) in WORKS.items():
        once, twice = counted(program, work, n), counted(program, work, 2 * n)
        counts[work] = round((twice - once) / n, 1)
    return counts


def counted(program: Path, work: str, n: int) -> int:
    """Returns the instructions of `n` clicks and of everything around them."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "callgrind"
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", program, *work.split(), str(n)]
        # Without variables: what is in the environment moves the stack.
        bare = {"PATH": os.environ["PATH"]}
        done = subprocess.run(command, env=bare, capture_output=True, text=True, timeout=600)
        if done.returncode:
            raise Impossible(f"{program.name} does not run under valgrind: {done.stderr[-500:]}")
        costs = self_costs(out.read_text(errors="replace"))
    if not any(LEFT_OUT in name for name in costs):
        raise Impossible('functions have no names: the profile needs strip = "none"')
    return sum(cost for name, cost in costs.items() if LEFT_OUT not in name)


def self_costs(text: str) -> Counter[str]:
    """Returns the instructions of each function without those of the functions it calls."""
    names: dict[str, str] = {}
    costs: Counter[str] = Counter()
    function, is_call = "", False

    def name_of(spelled: str) -> str:
        # A name is spelled out once, `(7) name`, and then is `(7)`.
        number, name = re.fullmatch(r"\((\d+)\)(?: (.*))?", spelled).groups()
        return names.setdefault(number, name)

    for line in text.splitlines():
        if line.startswith("fn="):
            function = name_of(line[3:])
        elif line.startswith("cfn="):
            name_of(line[4:])
        elif line.startswith("calls="):
            # The line after it is what the function called has cost.
            is_call = True
        elif re.match(r"[\d+*-]", line):
            if not is_call:
                costs[function] += int(line.split()[1])
            is_call = False
    return costs


def recorded() -> dict[str, float | str]:
    """Returns the counts recorded for a build on this architecture."""
    records = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    if record := records.get(platform.machine()):
        return record
    raise Impossible(f"nothing is recorded for {platform.machine()}: {UPDATE}")


def rustc() -> str:
    """Returns the name and version of the compiler."""
    done = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True)
    return " ".join(done.stdout.split()[:2])


def check(counts: Counts) -> int:
    """Prints what has grown and returns the exit code."""
    record, grown = recorded(), False
    for work, count in counts.items():
        if work not in record:
            raise Impossible(f"nothing is recorded for {WORKS[work][1]}: {UPDATE}")
        was, what = record[work], WORKS[work][1]
        much = count > was * TOLERATED
        grown |= much
        change = f"{count:,.0f} instructions a click, {(count / was - 1) * 100:+.1f} % of {was:,.0f}"
        print(f"{'TOO MANY' if much else 'ok':8}  {what}: {change}")
    if grown:
        compiler = rustc()
        if compiler != record["rustc"]:
            print(f"The compiler is {compiler}; the counts were recorded with {record['rustc']}.")
        print(f"Above +{(TOLERATED - 1) * 100:.0f} % something has become slower. If that is meant to be:")
        print(f"    {UPDATE}")
    return int(grown)


def update(target_dir: Path) -> None:
    """Records the counts for this architecture."""
    records = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    counts = count_all(target_dir)
    records[platform.machine()] = {"rustc": rustc(), **counts}
    for work, count in counts.items():
        print(f"{WORKS[work][1]}: {count:,.0f} instructions a click")
    RECORD.write_text(json.dumps(records, indent=2, sort_keys=True) + "\n")


def main() -> int:
    """Runs what the arguments ask for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="exit with 1 if a click takes over 5 %% more")
    what.add_argument("--update", action="store_true", help="record today's counts")
    arguments = parser.parse_args()
    root = Path(__file__).parent.parent
    target = Path(os.environ.get("CARGO_TARGET_DIR", root / "target"))
    try:
        if arguments.check:
            return check(count_all(target))
        if arguments.update:
            update(target)
        else:
            print(table("Instructions", measure(target, quick=False)))
    except Impossible as why:
        print(f"Cannot count: {why}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
