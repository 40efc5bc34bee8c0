"""Faults between the function and its target, one row each: nothing is lost, and clicks come twice only
where the target took them and its answer did not arrive.

`python tests/e2e/test_faults.py` prints the table that is in README.md beside this file.
"""

import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

import fault_target as target
import pytest
from events import FOLDER, each_once, make_lines, s3_event, tags
from fault_target import OK, FaultTarget
from pump import Fresh, Pump

README = Path(__file__).parent / "README.md"
MARKS = ("<!-- generated: faults -->\n", "<!-- end generated -->\n")
KEY = FOLDER + "clicks"
COUNT, A_REQUEST = 30, 5
PASSES = "counts the clicks as sent"
RETRIES = "retries in the same invocation"
COMES_BACK = "lets the message come back"
STOPS = "lets the message come back at once: retrying would not help"


@dataclass
class Row:
    """One row of the table: `times` requests have the fault, or all of them until the repair if None."""

    fault: str
    does: str
    doubled: bool
    happens: Callable | None = None
    times: int | None = 3
    scheme: str = "http"
    shut: bool = False
    certified: bool = False
    settings: dict = field(default_factory=dict)


def pieces(data, size):
    return [data[start : start + size] for start in range(0, len(data), size)]


# Only where the time-out is the fault: a healthy target on a busy machine must not meet it.
SHORT = {"HOOK_TIMEOUT": "4s"}
def headed(line, count):
    return OK.replace(b"\r\n\r\n", b"\r\n" + count * (line + b"\r\n") + b"\r\n")


# Each of these lines came from a server in use: a fold, a blank before the colon, no name, no colon, a space in a name.
ODD_HEAD = headed(b"Content-Security-Policy: default-src 'self';\r\n  img-src *\r\nServer : x\r\n: y\r\nno colon\r\nA b: c", 1)

ROWS = [
    Row("nobody listens", COMES_BACK, False, shut=True),
    Row("the connection is reset, the clicks not accepted", RETRIES, False, target.resets(taken=False)),
    Row("the connection is closed without a response, the clicks not accepted", RETRIES, False, target.says(b"", taken=False)),
    Row("no response within the time-out, the clicks not accepted", RETRIES, False, target.stalls(taken=False), 1, settings=SHORT),
    Row("a response that is not HTTP, the clicks not accepted", RETRIES, False, target.says(b"220 mail.example ESMTP\r\n", taken=False)),
    Row("503 for a while", RETRIES, False, target.status(503), 4),
    Row("429 for a while", RETRIES, False, target.status(429), 12),
    Row("429 with Retry-After", RETRIES, False, target.status(429, Retry_After=1), 2),
    Row("accepted, then the connection is reset", RETRIES, True, target.resets(taken=True)),
    Row("accepted, then closed without a response", RETRIES, True, target.says(b"", taken=True)),
    Row("accepted, but no response within the time-out", RETRIES, True, target.stalls(taken=True), 1, settings=SHORT),
    Row(
        "accepted, the response slower than the time-out",
        RETRIES,
        True,
        target.says(pieces(OK, 1), taken=True, pause=0.5),
        1,
        settings=SHORT,
    ),
    Row("accepted, the response cut in its status line", RETRIES, True, target.says(OK[:10], taken=True)),
    Row("accepted, the response cut in its headers", RETRIES, True, target.says(OK[:30], taken=True)),
    Row(
        "accepted, the response has two lengths",
        RETRIES,
        True,
        target.says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 5\r\n\r\nok", taken=True),
    ),
    Row("accepted, the response longer than announced", RETRIES, True, target.overruns),
    Row("accepted, the response slow but in time", PASSES, False, target.says(pieces(OK, 10), taken=True, pause=0.05)),
    Row("accepted, the response cut in its body", PASSES, False, target.says(OK.replace(b"2\r", b"1000\r"), taken=True)),
    Row("accepted, after an interim response", PASSES, False, target.says(b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK, taken=True)),
    Row("accepted, the response has folded and odd header lines", PASSES, False, target.says(ODD_HEAD, taken=True)),
    Row("accepted, the response has two thousand header lines", PASSES, False, target.says(headed(b"X: y", 2000), taken=True)),
    Row("accepted, the response has 350 KB of headers", PASSES, False, target.says(headed(b"X-Policy: " + b"y" * 50_000, 7), taken=True)),
    Row("409 for a while: the first request is still at work", RETRIES, False, target.status(409), 2),
    Row("403 with Retry-After", RETRIES, False, target.status(403, Retry_After=1), 2),
    Row("503 until the repair", COMES_BACK, False, target.status(503), None),
    Row("429 until the repair", COMES_BACK, False, target.status(429), None),
    Row("reset until the repair", COMES_BACK, False, target.resets(taken=False), None),
    Row("no response until the repair", COMES_BACK, False, target.stalls(taken=False), None),
    Row("accepted, each response lost until the repair", COMES_BACK, True, target.says(b"", taken=True), None),
    Row("401 until the repair", STOPS, False, target.status(401), None),
    Row("a redirect until the repair", STOPS, False, target.status(307, Location="/elsewhere"), None),
    Row("a plain port under an https address", COMES_BACK, False, scheme="https"),
    Row("a self-signed certificate", STOPS, False, scheme="https", certified=True),
]


def settings(address, scheme="http", **variables):
    usual = {"HOOK_MAX_RECORDS": A_REQUEST, "HOOK_CONCURRENCY": 2}
    return {**usual, "HOOK_URL": scheme + address, **variables}


@pytest.fixture
def broken(tmp_path):
    """Starts the target of a row, and closes it."""
    made = []

    def make(row):
        certificate = target.self_signed(tmp_path) if row.certified else None
        made.append(FaultTarget(row.happens, row.times, certificate))
        if row.shut:
            made[0].shut()
        return made[0]

    yield make
    for each in made:
        each.close()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.fault)
def test_no_fault_loses_a_click(lab, broken, row):
    lab.put(KEY, make_lines(range(COUNT)))
    to, queue = broken(row), lab.clock_queue()
    kept = {**queue.variables, **lab.table().variables, **row.settings}
    pump = Pump(queue, lab.forwarder(**settings(to.address, row.scheme), **kept), 5 if row.does == COMES_BACK else 20)
    [sent] = queue.send(s3_event(KEY))

    assert pump.poll().failures == ([sent] if row.does in (COMES_BACK, STOPS) else [])
    least = COUNT // A_REQUEST
    assert row.does != RETRIES or row.doubled or to.requests > least
    assert row.does != PASSES or to.requests == least
    to.repair()
    pump.function = lab.forwarder(**settings(to.address), **kept)
    pump.deliver()

    arrived = Counter(tags(to.taken))
    assert set(arrived) == set(each_once(COUNT)), "nothing is lost"
    assert row.doubled or arrived == each_once(COUNT)
    assert len({click["id"] for click in to.taken}) == COUNT, "what comes twice has the same id both times"
    assert (queue.dead, lab.quarantine()) == ([], {})


@pytest.mark.parametrize("may_double", [False, True], ids=["clicks not taken", "clicks taken or not"])
def test_a_hail_of_faults_loses_nothing(lab, broken, may_double):
    """Every third request has one of the faults, until the file is through."""
    quick = [row for row in ROWS if row.does == RETRIES and row.times != 1 and (may_double or not row.doubled)]
    chance = random.Random(7)

    def cycle_through_faults(exchange):
        if chance.random() < 0.33:
            return chance.choice(quick).happens(exchange)
        exchange.take()
        exchange.send(OK)
        return True

    lab.put(KEY, make_lines(range(300)))
    to, queue = broken(Row("cycle_through_faults", RETRIES, may_double, cycle_through_faults, None)), lab.clock_queue()
    kept = {**queue.variables, **lab.table().variables}
    pump = Pump(queue, Fresh(lambda: lab.forwarder(**settings(to.address), **kept)), 20)
    queue.send(s3_event(KEY))
    pump.deliver()

    arrived = Counter(tags(to.taken))
    assert set(arrived) == set(each_once(300)) and queue.dead == []
    assert may_double or arrived == each_once(300)


def table():
    """Formats the rows as a table for the README."""
    head = ["| fault | what the function does | lost | doubled |", "|---|---|---|---|"]
    doubled = {True: "possibly, under the same id", False: "no"}
    return "\n".join([*head, *(f"| {row.fault} | {row.does} | no | {doubled[row.doubled]} |" for row in ROWS)]) + "\n"


def test_the_readme_has_this_table():
    begin, end = MARKS
    assert README.read_text().partition(begin)[2].partition(end)[0].strip() == table().strip()


if __name__ == "__main__":
    print(table(), end="")
