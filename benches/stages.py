"""Measures each stage in memory on one thread: ratios of work done in turns, for both kinds of content.

    cargo bench --no-run
    python benches/stages.py [--quick]

It runs `benches/stages.rs` as built last. Times are CPU time, the least of all rounds.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from rows import Row, table

# How many times faster than what it is compared with each piece of work should be.
BOUNDS = {
    "pipeline/click": ">= 1.2",
    "pipeline/flat": ">= 1.2",
    "framing/array": ">= 0.9",
    "framing/concatenated": ">= 0.9",
    "framing/envelope": ">= 0.9",
    "framing/envelopes": ">= 0.9",
}
# Groups that are compared with something, and the name of that ratio.
COMPARED = {"pipeline": "speed / serde_json's", "framing": "speed / that of lines"}
# Compressing a body at this level should take no longer than making its clicks.
LEVEL = "gzip/1"

Line = dict[str, float | str | None]


def measure(target_dir: Path, quick: bool) -> list[Row]:
    """Returns all figures; with `quick` from fewer rounds."""
    program = newest(target_dir / "release", "stages")
    if not program:
        return [Row.skipped("stages", "not built: cargo bench --no-run")]
    return [row for line in measured(program, quick) for row in rows_of(line)]


def newest(build: Path, name: str) -> Path | None:
    """Returns the executable of a benchmark that was built last."""
    found = [path for path in (build / "deps").glob(f"{name}-*") if not path.suffix]
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def measured(program: Path, quick: bool) -> list[Line]:
    """Runs the benchmark and returns its lines."""
    command = [program, "--bench", "--paired", *(["--quick"] if quick else [])]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=600)
    return [json.loads(line) for line in done.stdout.splitlines()]


def rows_of(line: Line) -> list[Row]:
    """Returns the rows of one piece of work: its ratio, if it has one, and its time."""
    work, content = line["what"], line["content"]
    what = f"{work}, {content}"
    rows, ratio, against = [], line["ratio"], line["against_ns_per_click"]
    nanos, speed = line["ns_per_click"], f"{line['mb_per_s']:.0f} MB/s"
    if compared := COMPARED.get(work.split("/")[0]):
        detail = f"{nanos:.0f} ns against {against:.0f} ns a click"
        rows.append(Row.of(f"{what}: {compared}", ratio, "x", BOUNDS.get(work, ""), detail))
    if work == LEVEL:
        detail = f"{nanos:.0f} ns to compress a click, {against:.0f} ns to decode and make it"
        rows.append(Row.of(f"gzip level 1 : decode, {content}", 1 / ratio, "x", "<= 1", detail))
    if shrinks := line["shrinks"]:
        speed += f", {shrinks:.1f} times smaller"
    rows.append(Row.of(what, nanos, "ns/click", detail=speed))
    return rows


if __name__ == "__main__":
    root = Path(__file__).parent.parent
    target = Path(os.environ.get("CARGO_TARGET_DIR", root / "target"))
    print(table("Stages", measure(target, "--quick" in sys.argv[1:])))
