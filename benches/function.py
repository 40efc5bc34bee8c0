"""Measures the function's memory, time and requests, as one process under a Runtime API on loopback.

python benches/function.py --hello target/release/hello
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests" / "e2e")]

from events import BUCKET, FOLDER, dump, s3_event, sqs_event  # noqa: E402
from fakes import Aws, Hello, Loop, RuntimeApi, Target, clock  # noqa: E402
from process import end, environment  # noqa: E402
from rows import Row, table, within  # noqa: E402

# Lambda's smallest memory, and its prices on arm64: a GB-second, and a million requests.
MEMORY_MB, PER_GB_SECOND, PER_MILLION_REQUESTS = 128, 0.0000133334, 0.20
# The memory, in MB, at which Lambda gives a function one whole core.
WHOLE_CORE_MB = 1769
# The fakes' response time where waiting matters, in seconds.
S3, TARGET, DYNAMODB = 0.020, 0.020, 0.005
QUEUE = "https://sqs.eu-west-1.amazonaws.com/123456789012/rebrandly-clicks"
NS = 1e9


def measure(forwarder: Path, clickstream: Path, hello: Path | None, quick: bool) -> list[Row]:
    """Returns all figures; with `quick` of fewer runs and without the 1 GB object."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(forwarder.resolve(), clickstream.resolve(), Path(folder), quick)
        parts = (
            lambda: cold_start(bench, hello and hello.resolve()),
            lambda: first_handshake(bench),
            lambda: one_click_files(bench),
            lambda: batch_of_ten(bench),
            lambda: cost(bench),
            lambda: memory(bench),
        )
        return [row for part in parts for row in part()]


class Bench:
    """The binaries, and a folder for click files and logs."""

    def __init__(self, forwarder, clickstream, folder, quick):
        self.forwarder, self.clickstream, self.folder, self.quick = forwarder, clickstream, folder, quick
        self.click = b""

    def sample(self, name, *options):
        """Makes a click file; returns its path and its number of clicks."""
        path = self.folder / name
        subprocess.run([self.clickstream, "sample", *options, "--output", path], check=True, timeout=300)
        opener = ["gzip", "-dc", path] if "--gzip" in options else ["cat", path]
        with subprocess.Popen(opener, stdout=subprocess.PIPE) as plain:
            lines = sum(chunk.count(b"\n") for chunk in iter(lambda: plain.stdout.read(1 << 20), b""))
        return path, lines

    def one_click(self):
        """Makes a file of one click, as near to 1 KB as any seed gives."""
        if self.click:
            return self.click
        files = [
            self.sample(f"one-{seed}", "--records", "1", "--seed", str(seed))[0] for seed in range(1, 21)
        ]
        self.click = min((file.read_bytes() for file in files), key=lambda data: abs(len(data) - 1024))
        return self.click


@contextmanager
def looping():
    """Yields a loop, and closes its sockets at the end."""
    loop = Loop()
    try:
        yield loop
    finally:
        loop.close()


class Function:
    """A process under a Runtime API of its own."""

    def __init__(self, bench, loop, variables, binary=None, wrapper=()):
        self.loop, self.api = loop, RuntimeApi(loop)
        self.log = bench.folder / "function.log"
        lambdas = {
            "AWS_LAMBDA_RUNTIME_API": self.api.address,
            "AWS_LAMBDA_FUNCTION_NAME": "forwarder",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(MEMORY_MB),
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/forwarder",
            "AWS_LAMBDA_LOG_STREAM_NAME": "bench",
        }
        variables = environment(**{**variables, **lambdas})
        with open(self.log, "wb") as log:
            self.started = clock()
            # Without `close_fds` it is spawned, not forked, so that this process's memory does not count.
            self.process = subprocess.Popen(
                [*wrapper, binary or bench.forwarder], env=variables, stdout=log, stderr=log, close_fds=False
            )

    def alive(self):
        return self.process.poll() is None

    def wait(self, until, seconds):
        try:
            self.loop.run(until, seconds, self.alive)
        except (RuntimeError, TimeoutError) as error:
            tail = self.log.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"{error}; the function's log ends:\n{tail}") from error

    def ready(self):
        """Waits until it polls for its first event; returns the seconds since its start."""
        self.wait(lambda: self.api.asked, 30)
        return (self.api.asked - self.started) / NS

    def invoke(self, event, seconds=60):
        """Invokes it with one event; returns the seconds until its response."""
        self.api.give(event, seconds)
        self.wait(lambda: self.api.answered, seconds + 5)
        return (self.api.answered - self.api.given) / NS

    def failures(self):
        """Returns the failed messages of the last response."""
        if self.api.failed:
            raise RuntimeError(f"the invocation failed: {self.api.body.decode()}")
        return [item["itemIdentifier"] for item in json.loads(self.api.body)["batchItemFailures"]]

    def cpu(self):
        """Returns the seconds of CPU so far, of all its threads."""
        # The id that clock_getcpuclockid(3) returns on Linux for another process.
        return time.clock_gettime_ns((~self.process.pid << 3) | 2) / NS

    def status(self, name):
        """Returns a size from /proc/PID/status, in bytes."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"^{name}:\s+(\d+) kB", text, re.M)[1]) * 1024

    def close(self):
        # It is killed, as by Lambda; nothing is in flight that is worth waiting for.
        self.process.kill()
        end(self.process)


@contextmanager
def function(bench, loop, variables, **options):
    running = Function(bench, loop, variables, **options)
    try:
        yield running
    finally:
        running.close()


@contextmanager
def storage(loop, delays=None):
    aws = Aws(loop, delays)
    try:
        yield aws
    finally:
        aws.close()


def settings(aws, targets, **more):
    """Returns the template's variables, with an `http` target for each address."""
    variables = {
        "AWS_ENDPOINT_URL": aws.url,
        "SOURCES": BUCKET,
        "PROGRESS_TABLE": "rebrandly-progress",
        "CONTINUE_QUEUE_URL": QUEUE,
        "TARGETS": ",".join(targets),
        **more,
    }
    for name, url in targets.items():
        variables |= {f"{name.upper()}_KIND": "http", f"{name.upper()}_URL": url}
    return variables


def event_of(*keys, sizes=()):
    """Makes a batch of SQS messages, one for each object."""
    events = [s3_event(key) for key in keys]
    for event, size in zip(events, sizes):
        event["Records"][0]["s3"]["object"]["size"] = size
    return dump(sqs_event(*events))


def mb(number):
    return number / 1e6


def ms(seconds):
    return seconds * 1e3


def percentile(values, part):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(part * (len(ordered) - 1)))]


# Memory


def memory(bench):
    """Returns peak memory with one of four targets stalled: for small, large and huge objects, and for a batch."""
    cases = [
        ("1 MB", ("--bytes", "1MB"), 1, 10, 64),
        ("100 MB", ("--bytes", "100MB"), 1, 30, 64),
        ("100 MB in gzip", ("--bytes", "100MB", "--gzip"), 1, 30, 64),
        ("1 GB", ("--bytes", "1GB"), 1, 180, 64),
        ("ten of 15 MB at once", ("--bytes", "15MB"), 10, 40, 128),
    ]
    return [memory_of(bench, *case) for case in cases if not (bench.quick and case[0] == "1 GB")]


def memory_of(bench, what, options, objects, seconds, bound):
    """Returns the peak memory of one invocation with these objects, in a process of its own."""
    files = [bench.sample(f"memory-{n}", *options, "--seed", str(n)) for n in range(1, objects + 1)]
    with looping() as loop, storage(loop) as aws:
        keys = [f"{FOLDER}clicks-{n}" for n in range(objects)]
        sizes = [path.stat().st_size for path, _ in files]
        for key, (path, _) in zip(keys, files):
            aws.put(BUCKET, key, path)
            path.unlink()
        targets = {name: Target(loop, stalled=name == "d") for name in "abcd"}
        forms = {f"{name.upper()}_BODY": "lines" for name in targets}
        variables = settings(aws, {name: target.url for name, target in targets.items()}, **forms)
        with function(bench, loop, variables) as running:
            idle = running.ready() and running.status("VmHWM")
            took = running.invoke(event_of(*keys, sizes=sizes), seconds)
            running.failures()
            peak, heap = running.status("VmHWM"), running.status("RssAnon")
        expected = sum(clicks for _, clicks in files)
        arrived = [targets[name].clicks for name in "abc"]
        whole = arrived == [expected] * 3 and targets["d"].requests > 0
        calls = ", ".join(f"{count} {name}" for name, count in sorted(aws.calls.items()))
    detail = (
        f"VmHWM in 10^6 bytes; {mb(idle):.1f} before the first event, "
        f"{mb(heap):.1f} of heap left after it; four targets, "
        f"the fourth takes {targets['d'].requests} requests and answers none, "
        + (
            f"the others got all {expected} clicks; "
            if whole
            else f"of {expected} clicks the others got {arrived}; "
        )
        + f"{took:.1f} s of {seconds} s allowed; {calls}"
    )
    bound = f"< {bound}"
    return Row(f"peak memory, {what}", mb(peak), "MB", bound, within(mb(peak), bound) and whole, detail)


# Cold start


def cold_start(bench, hello):
    """Returns the time from exec to the first poll, beside an empty function's, and what happens before the first event."""
    binaries = {"forwarder": bench.forwarder, **({"hello": hello} if hello and hello.exists() else {})}
    runs, times = 10 if bench.quick else 30, {name: [] for name in binaries}
    with looping() as loop, storage(loop) as aws:
        variables = settings(aws, {"hook": "https://127.0.0.1:9/"})
        for run in range(runs + 2):
            for name, binary in binaries.items():
                with function(bench, loop, variables, binary=binary) as running:
                    took = running.ready()
                # The first two runs of each read the binary into the page cache.
                if run >= 2:
                    times[name].append(took)
        middle = {name: median(values) for name, values in times.items()}
        spread = "; ".join(
            f"{name} {ms(min(values)):.2f} to {ms(max(values)):.2f} ms" for name, values in times.items()
        )
        rows = [
            Row.of(
                "cold start, forwarder",
                ms(middle["forwarder"]),
                "ms",
                "",
                f"median of {runs} from spawn to the first GET of invocation/next; {spread}",
            ),
        ]
        if "hello" in middle:
            ratio = middle["forwarder"] / middle["hello"]
            rows += [
                Row.of(
                    "cold start, hello", ms(middle["hello"]), "ms", "", "the same of a bare lambda_runtime"
                ),
                Row.of("cold start, forwarder to hello", ratio, "x", "<= 2", "of the two medians"),
            ]
        else:
            rows.append(Row.skipped("cold start, forwarder to hello", "no hello binary was given"))
        rows.append(touched_before_first_event(bench, loop, variables))
    return rows + [size(name, binary) for name, binary in binaries.items()]


def size(name, binary):
    return Row.of(f"size of {name}", mb(binary.stat().st_size), "MB")


def touched_before_first_event(bench, loop, variables):
    """Counts connections beside the Runtime API's, and certificate files opened, before the first event."""
    what, trace = "connections and certificate files before the first event", bench.folder / "trace"
    # With -D the tracer is the child, so that ending the process ends the function.
    wrapper = ("strace", "-D", "-f", "-qq", "-e", "trace=connect,open,openat,openat2", "-o", str(trace))
    traces = (
        shutil.which("strace") and subprocess.run([*wrapper, "true"], capture_output=True).returncode == 0
    )
    with function(bench, loop, variables, wrapper=wrapper if traces else ()) as running:
        running.ready()
        # Leaves time for background tasks.
        pause(loop, 0.5)
        own, connected = running.api.port, connections(running.process.pid)
    others = [f"port {port}" for port in connected if port != own]
    if not traces:
        return Row.of(
            what,
            len(others),
            "",
            "== 0",
            f"by /proc, without files: strace may not trace here; {others or 'none'}",
        )
    traced = trace.read_text(errors="replace")
    connects = re.findall(r"connect\(\d+, (\{.*?\}|.*?), \d+\)", traced)
    opened = re.findall(r"open(?:at2?)?\((?:AT_FDCWD, )?\"([^\"]*)\"", traced)
    others += [there for there in connects if f"htons({own})" not in there]
    found = others + [path for path in opened if re.search(r"cert|ssl|pki|\.pem|\.crt", path, re.I)]
    detail = (
        f"by strace: {len(connects)} connection(s), {len(opened)} files opened, beside the Runtime API "
        + ("; ".join(found) or "none")
    )
    return Row.of(what, len(found), "", "== 0", detail)


def connections(pid):
    """Returns the ports that a process is connected to."""
    links = (os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir())
    sockets = {link[8:-1] for link in links if link.startswith("socket:[")}
    rows = [
        line.split() for table in ("tcp", "tcp6") for line in open(f"/proc/{pid}/net/{table}") if ":" in line
    ]
    return [int(row[2].rpartition(":")[2], 16) for row in rows if row[9] in sockets]


def pause(loop, seconds):
    """Serves for so many seconds."""
    over = []
    loop.later(seconds, lambda: over.append(True))
    loop.run(lambda: over, seconds + 5)


def first_handshake(bench):
    """Returns the time from a process's first event to its first handshake, which is S3's; and to that of an https target,
    with AWS over plain loopback."""
    runs = 5 if bench.quick else 15
    first = [handshake(bench, aws_too=True)["ClientHello"] for _ in range(runs + 2)][2:]
    moments = [handshake(bench, aws_too=False) for _ in range(runs + 2)][2:]
    order = [what for what in moments[0] if all(what in moment for moment in moments)]
    middle = {what: median(ms(moment[what] / NS) for moment in moments) for what in order}
    steps = ", ".join(
        f"{what} at {at:.2f} ms" for what, at in sorted(middle.items(), key=lambda step: step[1])
    )
    return [
        Row.of(
            "first event to first ClientHello, S3's",
            median(ms(at / NS) for at in first),
            "ms",
            "<= 5",
            f"median of {runs} cold processes, after two that brought the binary into memory",
        ),
        Row.of("first event to a target's ClientHello", middle["ClientHello"], "ms", "", steps),
    ]


def handshake(bench, aws_too):
    """Returns the nanoseconds from a process's first event to each request, and to the first bytes of a handshake."""
    with looping() as loop, storage(loop) as aws:
        aws.put(BUCKET, FOLDER + "one", bench.one_click())
        hello = Hello(loop)
        address = f"https://127.0.0.1:{hello.port}"
        more = {"AWS_ENDPOINT_URL": address} if aws_too else {}
        with function(bench, loop, settings(aws, {"hook": address + "/"}) | more) as running:
            running.api.give(event_of(FOLDER + "one"), 60)
            running.wait(lambda: hello.came, 30)
        if not hello.is_client_hello:
            raise RuntimeError(f"no ClientHello came, but {hello.first!r}")
        given = running.api.given
        calls = {
            f"{one.name} {what}": at - given
            for one in aws.log
            for what, at in (("came", one.since), ("answered", one.done))
        }
        return {"ClientHello": hello.came - given} | calls


# One-click files


def one_click_files(bench):
    """Returns requests, CPU and time of warm invocations, each with one message for one file of one click."""
    warm, runs = 20, 200 if bench.quick else 1000
    part = runs // 10
    click = bench.one_click()
    with looping() as loop, storage(loop) as aws:
        target = Target(loop)
        keys = [f"{FOLDER}one-{n}" for n in range(warm + runs)]
        for key in keys:
            aws.put(BUCKET, key, click)
        events = [event_of(key) for key in keys]
        with function(bench, loop, settings(aws, {"hook": target.url}, HOOK_BODY="lines")) as running:
            first = running.invoke(events[0])
            for event in events[1:warm]:
                running.invoke(event)
            seen, cpu, began = Marks(aws, target), [running.cpu()], clock()
            waits, holds = [], []
            for event in events[warm:]:
                logged = len(aws.log), len(target.log)
                waits.append(running.invoke(event))
                served = aws.log[logged[0] :] + target.log[logged[1] :]
                holds.append(sum(one.held for one in served) / NS)
                if running.failures():
                    raise RuntimeError("a one-click file was not forwarded")
                if len(waits) % part == 0:
                    cpu.append(running.cpu())
            took = (clock() - began) / NS
            peak = running.status("VmHWM")
    # The median of ten parts, so that a moment of other load does not count.
    each = median((after - before) / part for before, after in zip(cpu, cpu[1:]))
    whole = (cpu[-1] - cpu[0]) / runs
    own = [wait - hold for wait, hold in zip(waits, holds)]
    rows = requests_per_file(seen.since(), runs)
    size = f"{runs} invocations after {warm}, one file of {len(click)} bytes each, answers at once"
    held = f"the fakes held its requests for {ms(median(holds)):.2f} ms of it (median)"
    return rows + [
        Row.of(
            "CPU per one-click file",
            ms(each),
            "ms",
            "<= 1",
            f"user and system, without TLS, median of ten parts; mean {ms(whole):.2f} ms; {size}",
        ),
        Row.of(
            "one-click file, p50",
            ms(median(waits)),
            "ms",
            "",
            f"event to answer; {held}; the first: {ms(first):.1f} ms",
        ),
        Row.of("one-click file, p99", ms(percentile(waits, 0.99)), "ms", "", f"event to answer; {size}"),
        Row.of(
            "own overhead of a one-click file, p50",
            ms(median(own)),
            "ms",
            "",
            "that time without what the fakes held the requests for; the loopback's share is in it",
        ),
        Row.of("own overhead of a one-click file, p99", ms(percentile(own, 0.99)), "ms", "", "the same"),
        Row.of("one-click files a second", runs / took, "/s", "", "one after the other, one message each"),
        Row.of("peak memory, one-click files", mb(peak), "MB", "< 64", f"VmHWM after {warm + runs}"),
    ]


class Marks:
    """Returns the requests to the fakes since a point in time."""

    def __init__(self, aws, target):
        self.aws, self.target = aws, target
        self.before = self.now()

    def now(self):
        return Counter(self.aws.calls) + Counter(target=self.target.requests, clicks=self.target.clicks)

    def since(self):
        return self.now() - self.before


def requests_per_file(counts, files):
    """Returns a row for each kind of request, and one for unexpected requests."""
    wanted = {"s3:GetObject": 1, "target": 1, "dynamodb:PutItem": 2}
    rows = [
        Row.of(
            f"requests per one-click file, {name}",
            counts[name] / files,
            "",
            f"== {number}",
            f"{counts[name]} for {files} files",
        )
        for name, number in wanted.items()
    ]
    others = {name: count for name, count in counts.items() if name not in (*wanted, "clicks")}
    lost = files - counts["clicks"]
    return rows + [
        Row.of(
            "requests per one-click file, others",
            sum(others.values()) / files,
            "",
            "== 0",
            f"{others or 'none'}",
        ),
        Row.of(
            "one-click files lost",
            lost,
            "",
            "== 0",
            f"{counts['clicks']} clicks arrived of {files}; less than 0: doubled",
        ),
    ]


def batch_of_ten(bench):
    """Compares an event of ten messages with one of a single message, where S3 and the target take 20 ms."""
    rows, runs, click = [], 10 if bench.quick else 50, bench.one_click()
    for name, more in (("", {}), (", HOOK_CONCURRENCY=10", {"HOOK_CONCURRENCY": 10})):
        with looping() as loop, storage(loop, {"s3:GetObject": S3}) as aws:
            target = Target(loop, TARGET)
            single, ten = timed(bench, loop, aws, target, [1, 10], runs, click, more)
        detail = (
            f"{ms(ten.wall):.1f} to {ms(single.wall):.1f} ms, medians of {runs}; "
            f"S3 and the target take 20 ms each, the table answers at once; "
            f"{ten.requests:.0f} and {single.requests:.0f} requests to the target"
        )
        rows.append(
            Row.of(f"ten messages to one{name}", ten.wall / single.wall, "x", "" if more else "<= 2", detail)
        )
    return rows


class Timed:
    """The medians of one kind of invocation."""

    def __init__(self, walls, cpu, requests):
        self.wall, self.cpu, self.requests = median(walls), cpu, requests


def timed(bench, loop, aws, target, batches, runs, contents, more=None):
    """Measures warm invocations with so many messages each; every object has these contents."""
    results = []
    variables = settings(aws, {"hook": target.url}, **(more or {}))
    with function(bench, loop, variables) as running:
        for batch in batches:
            events = []
            for run in range(runs + 3):
                keys = [f"{FOLDER}{batch}-{run}-{n}" for n in range(batch)]
                for key in keys:
                    aws.put(BUCKET, key, contents)
                events.append(event_of(*keys))
            for event in events[:3]:
                running.invoke(event)
            cpu, asked, walls = running.cpu(), target.requests, []
            for event in events[3:]:
                walls.append(running.invoke(event))
                if running.failures():
                    raise RuntimeError("a message of a batch comes back")
            results.append(Timed(walls, (running.cpu() - cpu) / runs, (target.requests - asked) / runs))
    return results


# Cost


def cost(bench):
    """Returns the USD per million clicks for Lambda alone, in files of 1, 100 and 10,000 clicks."""
    rows = []
    delays = {"s3:GetObject": S3, "dynamodb:PutItem": DYNAMODB}
    for clicks, batch, runs in ((1, 10, 50), (100, 1, 50), (10_000, 1, 20)):
        contents = (
            bench.one_click()
            if clicks == 1
            else bench.sample("cost", "--records", str(clicks))[0].read_bytes()
        )
        with looping() as loop, storage(loop, delays) as aws:
            target = Target(loop, TARGET)
            [each] = timed(bench, loop, aws, target, [batch], runs // 5 if bench.quick else runs, contents)
        files = f"{clicks:,} click{'s' * (clicks > 1)}"
        # Lambda's share of a core stretches CPU time; this is an upper bound, since waiting hides a part of it.
        slow = each.wall + each.cpu * (WHOLE_CORE_MB / MEMORY_MB - 1)
        for wall, where in ((each.wall, "one core"), (slow, f"{MEMORY_MB}/{WHOLE_CORE_MB} of a core")):
            dollars = usd(wall, clicks * batch)
            detail = (
                f"{batch} an invocation of {ms(wall):.1f} ms, {ms(each.cpu):.2f} ms of it CPU"
                f"{' stretched as far as may be' if wall != each.wall else ''}; "
                f"10^6 / {clicks * batch} x ({MEMORY_MB} / 1024 GB x s x ${PER_GB_SECOND} + "
                f"${PER_MILLION_REQUESTS} / 10^6), s in whole ms; "
                f"S3 and the target take 20 ms, DynamoDB 5 ms; {each.requests:.0f} requests to the target"
            )
            rows.append(
                Row.of(f"Lambda for a million clicks, files of {files}, {where}", dollars, "USD", "", detail)
            )
    return rows


def usd(wall, clicks):
    """Returns what Lambda bills for a million clicks, if an invocation of `wall` seconds forwards so many."""
    billed = -(-wall * 1000 // 1) / 1000
    invocation = MEMORY_MB / 1024 * billed * PER_GB_SECOND + PER_MILLION_REQUESTS / 1e6
    return 1e6 / clicks * invocation


def main():
    release = HERE.parent / "target" / "release"
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--forwarder", type=Path, default=release / "forwarder")
    parser.add_argument("--clickstream", type=Path, default=release / "clickstream")
    parser.add_argument("--hello", type=Path, help="a bare lambda_runtime function of the same profile")
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    rows = measure(given.forwarder, given.clickstream, given.hello, given.quick)
    print(table("The function", rows))
    return 1 if any(row.holds is False for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
