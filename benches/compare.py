"""Compares `clickstream forward` with what one would write instead, with its decoder, and with itself on one core.

Everything is measured on both kinds of content that `clickstream sample` writes: clicks of a campaign, which
share most of their bytes, and clicks that have nothing in common.

CPU time is user and system time of the whole process, start included, pinned to one CPU; output goes to
`/dev/null`. Programs take turns, so that what disturbs the machine disturbs all, and the medians of their
runs are compared. Figures of different runs of this script do not compare; the ratios within one do. With
`--quick` starting the interpreters counts for more than with the larger file. The forms `click` and `flat`
are the project's own output; a rival always writes what its first lines say. Linux only.

    python benches/compare.py [--quick]
"""

import contextlib
import gzip
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rows import Row, table
from stages import newest

RIVALS = Path(__file__).parent / "rivals"
# The wanted ratio of each rival's CPU to ours, plain and gzip, and the package that the rival needs.
WANTED = {
    "orjson_stream": (5, 3, "orjson"),
    "duckdb_copy": (3, 2.5, "duckdb"),
    "json_body": (10, 6, "json"),
}
FORMS = ("click", "flat")
# The wanted ratio of time on one core to time on two.
WANTED_ONE_FILE, WANTED_MANY_FILES = 1.6, 1.8
# The wanted ratio of the whole command's CPU to that of decoding and making the same clicks in memory.
WANTED_OVERHEAD = 1.3
# The wanted ratio of the CPU for a file that is kept whole to that for one of which 90 % is filtered out.
WANTED_FILTERED = 1.0
# What `clickstream sample --content` takes.
CONTENTS = ("campaign", "unlike")
# Nothing of the configuration in the environment may reach the programs.
ENVIRONMENT = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}

Command = list[str | Path]


@dataclass(frozen=True)
class Input:
    """A click file: `packing` is plain or gzip, `plain` its inflated length in bytes."""

    content: str
    packing: str
    path: Path
    plain: int

    @property
    def name(self) -> str:
        """What rows call it."""
        return f"{self.content}, {self.packing}"


@dataclass(frozen=True)
class Run:
    """What one process used: seconds of CPU and of time, bytes of memory at its peak.

    `others` is the number of CPUs that were busy with something else meanwhile, on average.
    """

    cpu: float
    wall: float
    memory: int
    others: float


def measure(clickstream: Path, target_dir: Path, quick: bool) -> list[Row]:
    """Returns all figures; with `quick` of a smaller file, each measured once."""
    rounds = 1 if quick else 3
    size, count = ("32MiB", 32) if quick else ("256MiB", 256)
    rows = []
    for content in CONTENTS:
        with tempfile.TemporaryDirectory(prefix="clickstream-bench-") as name:
            folder = Path(name)
            inputs = large_files(clickstream, folder, content, size)
            rows += same_work(clickstream, folder, content)
            for given in inputs:
                rows += against_rivals(clickstream, given, rounds)
            rows.append(filtered(clickstream, inputs[0], rounds))
            rows += against_memory(clickstream, newest(target_dir / "release", "stages"), inputs[0], rounds)
            many = small_files(clickstream, folder / "many", content, count)
            rows += two_cores(clickstream, inputs, content, many, 1 if quick else 5)
    return rows


# Files.


def sample(clickstream: Path, path: Path, content: str, *arguments: str) -> Path:
    """Writes a click file with the project's own command."""
    command = [clickstream, "sample", "--content", content, *arguments, "--output", path]
    subprocess.run(command, check=True, env=ENVIRONMENT)
    return path


def large_files(clickstream: Path, folder: Path, content: str, size: str) -> list[Input]:
    """Writes the same clicks plain and compressed."""
    plain = sample(clickstream, folder / "clicks.json", content, "--bytes", size)
    compressed = sample(clickstream, folder / "clicks.json.gz", content, "--bytes", size, "--gzip")
    length = plain.stat().st_size
    return [Input(content, "plain", plain, length), Input(content, "gzip", compressed, length)]


def small_files(clickstream: Path, folder: Path, content: str, count: int) -> Path:
    """Writes a directory of files of 1 MB, no two the same."""
    folder.mkdir()
    for seed in range(count):
        sample(clickstream, folder / f"{seed}.json", content, "--bytes", "1MB", "--seed", str(seed))
    return folder


# Programs.


def forward(clickstream: Path, path: Path, form: str = "click") -> Command:
    """Returns the project's command."""
    return [clickstream, "forward", "--quiet", "--format", form, path]


def rival(name: str, path: Path) -> Command:
    """Returns a rival's command."""
    return [sys.executable, RIVALS / f"{name}.py", path]


def missing(name: str) -> str | None:
    """Returns why a rival cannot run, `None` if it can."""
    package = WANTED[name][2]
    if importlib.util.find_spec(package):
        return None
    return f"{package} is not installed: python -m pip install -r benches/requirements.txt"


# Measuring.


@contextlib.contextmanager
def pinned(cpus: set[int]) -> Iterator[None]:
    """Processes started within run on `cpus` only."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def run(
    command: Command, cpus: set[int], watch_memory: bool = False, environment: dict[str, str] | None = None
) -> Run:
    """Runs a command to its end on `cpus`, with these variables besides."""
    with tempfile.TemporaryFile() as errors:
        started, busy = time.perf_counter(), busy_seconds()
        with pinned(cpus):
            child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors, env=ENVIRONMENT | (environment or {}))
        with memory_of(child.pid) if watch_memory else contextlib.nullcontext(lambda: 0) as seen:
            try:
                _, status, usage = os.wait4(child.pid, 0)
            except BaseException:
                child.kill()
                child.wait()
                raise
        wall, busy = time.perf_counter() - started, busy_seconds() - busy
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            errors.seek(0)
            text = errors.read()[-2000:].decode(errors="replace")
            raise RuntimeError(f"{Path(command[0]).name} ended with {child.returncode}: {text}")
    # Linux counts this script's own memory as the child's until the child becomes its program. So what the
    # kernel says is the child's only where it is more than ours.
    peak = usage.ru_maxrss * 1024
    memory = peak if peak > high_water(os.getpid()) else seen()
    cpu = usage.ru_utime + usage.ru_stime
    return Run(cpu, wall, memory, max(0.0, busy - cpu) / wall)


@contextlib.contextmanager
def memory_of(pid: int) -> Iterator[Callable[[], int]]:
    """Looks at a process's peak memory every 10 ms; gives a function that tells the last look's figure."""
    over, peaks = threading.Event(), [0]

    def watch() -> None:
        while not over.wait(0.01):
            with contextlib.suppress(OSError):
                peaks[0] = high_water(pid) or peaks[0]

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield lambda: peaks[0]
    finally:
        over.set()
        watcher.join()


def high_water(pid: int) -> int:
    """A process's peak memory since it became its program; 0 if it is ending."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def busy_seconds() -> float:
    """Returns the CPU time that the whole machine has spent or was denied since it started."""
    user, nice, system, _, _, irq, softirq, steal = Path("/proc/stat").read_text().split()[1:9]
    ticks = sum(map(int, (user, nice, system, irq, softirq, steal)))
    return ticks / os.sysconf("SC_CLK_TCK")


def in_turn(commands: dict[str, tuple[Command, set[int]]], rounds: int, watch: bool) -> dict[str, list[Run]]:
    """Runs all commands on their CPUs, then all again, and so on: the runs of each."""
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, (command, cpus) in commands.items():
            runs[name].append(run(command, cpus, watch))
    return runs


def median(runs: list[Run], of: str) -> float:
    """The median of one figure."""
    return statistics.median(getattr(one, of) for one in runs)


# The comparisons.


def same_work(clickstream: Path, folder: Path, content: str) -> list[Row]:
    """Makes sure that the rivals find the same clicks in 2 MB, and where they make ids, the same ones."""
    plain = sample(clickstream, folder / "same.json", content, "--bytes", "2MB")
    packed = plain.with_suffix(".json.gz")
    packed.write_bytes(gzip.compress(plain.read_bytes(), 6))
    rows = []
    for name in WANTED:
        what = f"{content}: clicks that {name} finds too"
        if why := missing(name):
            rows.append(Row.skipped(what, why))
            continue
        clicks = 0
        for path in (plain, packed):
            own, theirs = output(forward(clickstream, path)), output(rival(name, path))
            # DuckDB cannot make the ids, so there the positions have to do.
            same = own.keys() == theirs.keys() if name == "duckdb_copy" else own == theirs
            if not same:
                raise RuntimeError(f"{name} does not find the same clicks in {path.name} as the project")
            clicks += len(own)
        detail = f"all, plain and gzip; compared by {'number' if name == 'duckdb_copy' else 'id'}"
        rows.append(Row.of(what, clicks, "clicks", detail=detail))
    return rows


def output(command: Command) -> dict[int, str]:
    """Returns the clicks that a program writes: ids by their positions in the file."""
    done = subprocess.run(command, check=True, capture_output=True, env=ENVIRONMENT)
    clicks: dict[int, str] = {}
    for line, text in enumerate(done.stdout.splitlines()):
        click = json.loads(text)
        position = click["source"]["index"] if "source" in click else line
        clicks[position] = click.get("id") or click["click_id"]
    return clicks


def against_rivals(clickstream: Path, given: Input, rounds: int) -> list[Row]:
    """Returns CPU and memory of the project and its rivals over one file."""
    wanted = ("plain", "gzip").index(given.packing)
    cpus = {max(os.sched_getaffinity(0))}
    rivals = [name for name in WANTED if not missing(name)]
    commands = {f"clickstream, {form}": (forward(clickstream, given.path, form), cpus) for form in FORMS}
    commands |= {name: (rival(name, given.path), cpus) for name in rivals}
    runs = in_turn(commands, rounds, watch=True)
    rows = []
    for form in FORMS:
        own = runs[f"clickstream, {form}"]
        for name in WANTED:
            what = f"{given.name}, {form}: CPU of {name} / ours"
            if name in rivals:
                rows.append(ratio(what, "cpu", runs[name], own, f">= {WANTED[name][wanted]}"))
            else:
                rows.append(Row.skipped(what, missing(name) or ""))
    read = given.path.stat().st_size
    detail = f"{given.plain / 1e6:.0f} MB plain, {read / 1e6:.0f} MB read, {rounds} run(s)"
    for name, its in runs.items():
        speed = given.plain / 1e6 / median(its, "cpu")
        rows.append(Row.of(f"{given.name}: {name}", speed, "plain MB/CPU s", detail=detail))
    for name, its in runs.items():
        peak = median(its, "memory") / 2**20
        rows.append(Row.of(f"{given.name}: {name}, peak memory", peak, "MiB", detail=detail))
    return rows


def against_memory(clickstream: Path, stages: Path | None, given: Input, rounds: int) -> list[Row]:
    """Returns the CPU of the whole command against that of decoding and making the same clicks in memory."""
    what = f"{given.name}: CPU of the command / of decoding and making its clicks in memory"
    if not stages:
        return [Row.skipped(what, "not built: cargo bench --no-run")]
    cpus = {max(os.sched_getaffinity(0))}
    whole, memory = [], []
    for _ in range(rounds):
        whole.append(run(forward(clickstream, given.path), cpus).cpu)
        with pinned(cpus):
            done = subprocess.run(
                [stages, "--file", given.path], check=True, capture_output=True, text=True, env=ENVIRONMENT
            )
        memory.append(float(done.stdout))
    medians = statistics.median(whole), statistics.median(memory)
    detail = f"{medians[0]:.2f} s against {medians[1]:.2f} s"
    return [Row.of(what, medians[0] / medians[1], "x", f"<= {WANTED_OVERHEAD}", detail)]


def filtered(clickstream: Path, given: Input, rounds: int) -> Row:
    """Returns how much less CPU a file takes of which a tenth is sent, each click chosen by its id."""
    command = [clickstream, "forward", "--quiet", given.path]
    keep_all = {"TARGETS": "out", "OUT_KIND": "stdout", "OUT_FORMAT": "click"}
    environments = {"whole": keep_all, "tenth": keep_all | {"OUT_SAMPLE": "0.1"}}
    cpus = {max(os.sched_getaffinity(0))}
    runs: dict[str, list[Run]] = {name: [] for name in environments}
    for _ in range(rounds):
        for name, environment in environments.items():
            runs[name].append(run(command, cpus, environment=environment))
    what = f"{given.name}: CPU of keeping all clicks / of keeping a tenth"
    return ratio(what, "cpu", runs["whole"], runs["tenth"], f"> {WANTED_FILTERED}")


def ratio(what: str, of: str, over: list[Run], under: list[Run], bound: str, detail: str = "") -> Row:
    """Returns the ratio of `over`'s figure to `under`'s."""
    each = [getattr(a, of) / getattr(b, of) for a, b in zip(over, under)]
    medians = median(over, of), median(under, of)
    seconds = f"{medians[0]:.2f} s against {medians[1]:.2f} s"
    spread = f"; {min(each):.2f} to {max(each):.2f} by round" if len(each) > 1 else ""
    return Row.of(what, medians[0] / medians[1], "x", bound, seconds + spread + detail)


def two_cores(clickstream: Path, inputs: list[Input], content: str, many: Path, rounds: int) -> list[Row]:
    """Returns how much faster a second core makes one large file, and many small ones."""
    cpus = sorted(os.sched_getaffinity(0))[:2]
    work = [(f"{content}, one {given.packing} file", given.path, WANTED_ONE_FILE) for given in inputs]
    work.append((f"{content}, {len(list(many.iterdir()))} plain files of 1 MB", many, WANTED_MANY_FILES))
    rows = []
    for what, path, wanted in work:
        what = f"{what}: time on one core / on two"
        if len(cpus) < 2:
            rows.append(Row.skipped(what, "this machine has one CPU"))
            continue
        command = forward(clickstream, path)
        runs = in_turn({"one": (command, {cpus[0]}), "two": (command, set(cpus))}, rounds, watch=False)
        busy = median(runs["two"], "cpu") / median(runs["two"], "wall")
        others = max(median(its, "others") for its in runs.values())
        detail = f"; {busy:.2f} CPUs busy with it, {others:.2f} with other programs"
        rows.append(ratio(what, "wall", runs["one"], runs["two"], f">= {wanted}", detail))
    return rows


if __name__ == "__main__":
    root = Path(__file__).parent.parent
    target = Path(os.environ.get("CARGO_TARGET_DIR", root / "target"))
    print(table("Compared", measure(target / "release" / "clickstream", target, "--quick" in sys.argv[1:])))
