"""The circuit breaker spares a failing target, and rate limits hold."""

import time
from collections import Counter

import pytest
from answer import audit_lines
from events import FOLDER, dump, each_once, make_lines, s3_event, sqs_event, tags
from process import wait_until
from sink import Reply

DOWN_IN_A_ROW = 5


def files(lab, count, clicks=3):
    """Stores so many files; returns an event for each."""
    keys = [f"{FOLDER}clicks-{number}" for number in range(count)]
    for number, key in enumerate(keys):
        lab.put(key, make_lines(range(number * clicks, (number + 1) * clicks)))
    return keys


def event(*keys):
    return dump(sqs_event(*map(s3_event, keys)))


def causes(function):
    return [line["cause"] for line in audit_lines(function.output()) if line["message"] == "object failed"]


def opened(lab, function, key, path="/clicks"):
    """Fails the target until its circuit breaker opens; afterwards the sink succeeds again."""
    lab.sink.respond = lambda request: Reply(503 if request.path == path else 200)
    while sum(request.path == path for request in lab.sink.requests) < DOWN_IN_A_ROW:
        assert function.invoke(event(key), 4).failures == ["message-0"]
    lab.sink.respond = None


def test_a_target_that_is_down_is_not_asked_for_each_new_file_and_then_tried_again(lab):
    first, second, third = files(lab, 3)
    function = lab.forwarder()
    opened(lab, function, first)
    asked = len(lab.sink.requests)

    assert function.invoke(event(second, third)).failures == ["message-0", "message-1"]
    assert len(lab.sink.requests) == asked, "not even one request"
    assert all("circuit" in cause for cause in causes(function)[-2:])
    wait_until(lambda: function.invoke(event(second)).failures == [], "the probe")
    assert function.invoke(event(third)).failures == []
    assert Counter(tags(lab.sink.clicks)) == Counter(f"tag-{serial}" for serial in range(3, 9))


def test_the_other_target_is_served_meanwhile(lab):
    first, second = files(lab, 2)
    down = lab.sink.url.replace("/clicks", "/down")
    function = lab.forwarder(TARGETS="down,hook", DOWN_KIND="http", DOWN_URL=down, **lab.table().variables)
    opened(lab, function, first, "/down")

    assert function.invoke(event(second)).failures == ["message-0"]
    served = [click for request in lab.sink.accepted if request.path == "/clicks" for click in request.clicks]
    assert Counter(tags(served)) == each_once(6)
    assert not [request for request in lab.sink.accepted if request.path == "/down"]


def test_a_new_process_begins_with_trust(lab):
    first, second = files(lab, 2)
    opened(lab, lab.forwarder(), first)

    assert lab.forwarder().invoke(event(first, second)).failures == []


@pytest.mark.parametrize("status", [429, 401, 422], ids=["throttled", "wrong credentials", "refused"])
def test_a_target_that_answers_is_not_down(lab, status):
    keys = files(lab, 2 * DOWN_IN_A_ROW)
    lab.sink.respond = lambda _: Reply(status)
    function = lab.forwarder()
    function.invoke(event(*keys[1:]), 5)
    lab.sink.respond = None

    assert len(lab.sink.requests) >= DOWN_IN_A_ROW
    assert function.invoke(event(keys[0])).failures == []


def rated(lab, keys, rate, shared=1):
    """Forwards these files at `rate` requests a second, and asserts that they took the time that this takes.

    How evenly they arrive is no measure: a busy machine may deliver many at once. A first file has started the process.
    """
    rates = {"HOOK_RATE": rate, "HOOK_BODY": "single", "HOOK_CONCURRENCY": 16, "MAX_CONCURRENCY": shared}
    lab.put("/first", make_lines([1000]))
    script, lab.sink.script = lab.sink.script, []
    function = lab.forwarder(**rates)
    assert function.invoke(event("/first")).failures == []
    lab.sink.requests.clear()
    lab.sink.script, started = script, time.monotonic()

    assert function.invoke(event(*keys)).failures == []
    took = lab.sink.requests[-1].at - started
    assert took >= (len(lab.sink.requests) - 1) * shared / rate, f"{len(lab.sink.requests)} requests in {took} s"


@pytest.mark.parametrize(("count", "shared"), [(30, 1), (16, 2)], ids=["alone", "one of two"])
def test_a_rate_is_kept(lab, count, shared):
    """Each of `MAX_CONCURRENCY` instances gets its share of the rate, since they do not know of each other."""
    rated(lab, files(lab, 1, count), 20, shared)

    assert Counter(tags(lab.sink.clicks)) == each_once(count)


def test_files_side_by_side_share_one_rate(lab):
    rated(lab, files(lab, 10), 20)

    assert Counter(tags(lab.sink.clicks)) == each_once(30)


def test_a_repeated_request_counts_too(lab):
    lab.sink.script = [Reply(503) for _ in range(4)]
    rated(lab, files(lab, 1, 20), 20)

    assert len(lab.sink.requests) == 24


def test_requests_in_flight_shrink_to_what_the_target_takes(lab):
    """The target accepts three requests at a time and refuses the others."""
    [key] = files(lab, 1, 300)
    lab.sink.respond = lambda request: Reply(429) if request.beside > 3 else Reply(delay=0.02)
    function = lab.forwarder(HOOK_BODY="single", HOOK_CONCURRENCY=16)

    assert function.invoke(event(key), 30).failures == []
    assert Counter(tags(lab.sink.clicks)) == each_once(300)
    assert sum(request.status == 429 for request in lab.sink.requests) <= 300 // 8


def test_a_target_that_is_well_gets_more_than_one_request_at_a_time(lab):
    [key] = files(lab, 1, 64)
    lab.sink.respond = lambda _: Reply(delay=0.1)
    function = lab.forwarder(HOOK_BODY="single", HOOK_CONCURRENCY=8)

    assert function.invoke(event(key)).failures == []
    assert 4 <= max(request.beside for request in lab.sink.requests) <= 8
