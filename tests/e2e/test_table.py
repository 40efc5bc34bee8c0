"""The progress table: its items, how often they are written, and the outcome if it fails."""

import time

import pytest
from answer import log_lines
from events import BUCKET, FOLDER, dump, each_once, make_lines, s3_event, sqs_event, tags
from process import wait_until
from proxy import WRITES, Fault
from sink import Turnstile
from table import NAME

KEY = FOLDER + "clicks"
EVENT = dump(sqs_event(s3_event(KEY)))
DAY = 24 * 3600


def failure(function):
    """Returns the log's line about the failed job."""
    [line] = [line for line in log_lines(function.output()) if line.get("message") == "object failed"]
    return line


def test_a_file_of_one_click_costs_two_writes(lab):
    lab.put(KEY, make_lines([0]))

    assert lab.forwarder(**lab.table().variables).invoke(EVENT).failures == []
    assert len(lab.proxy.calls(*WRITES)) == 2


def test_a_notice_of_a_finished_file_changes_no_progress(lab):
    lab.put(KEY, make_lines([0]))
    table = lab.table()
    function = lab.forwarder(**table.variables)
    function.invoke(EVENT)
    kept = lambda: [table.item[name] for name in ("state", "generation", "lease", "progress")]
    before = kept()

    assert function.invoke(dump(sqs_event(s3_event(KEY), first=1))).failures == []
    assert kept() == before


def test_the_item_of_a_finished_file(lab):
    body = make_lines(range(7))
    version, table = lab.put(KEY, body), lab.table()
    lab.forwarder(**table.variables).invoke(EVENT)

    item = table.item
    assert item["object"] == f"s3://{BUCKET}/{KEY}#{version}"
    assert (item["format"], item["state"], item["lease"], item["generation"]) == (1, "done", 0, 1)
    assert item["epoch"] >= 1
    assert item["expires"] >= time.time() + 30 * DAY - 60, "longer than any message waits"
    assert item["expires"] < time.time() + 10 * 365 * DAY, "in seconds, as DynamoDB asks"
    cursor = table.target()
    assert (cursor["settled"], cursor["done"], cursor.get("open", [])) == (len(body), True, [])


def test_the_types_of_the_item_are_those_that_are_promised(lab):
    """Items outlive a release: the next release must read them."""
    lab.put(KEY, make_lines([0]))
    table = lab.table()
    lab.forwarder(**table.variables).invoke(EVENT)

    [raw] = table.raw()
    types = {name: next(iter(value)) for name, value in raw.items()}
    wanted = dict.fromkeys(("format", "epoch", "lease", "expires", "generation"), "N")
    wanted |= dict.fromkeys(("object", "state", "owner", "progress"), "S")
    assert {name: types.get(name) for name in wanted} == wanted


def test_a_running_file_is_written_down_as_it_goes(lab):
    """At most one write a second, so that a long file costs little; and some before its end, so that little is sent again after a crash."""
    lab.put(KEY, make_lines(range(120)))
    table = lab.table()
    lab.sink.respond = Turnstile(60)
    function, started = lab.forwarder(HOOK_BODY="single", **table.variables), time.monotonic()
    running = function.invoke_async(EVENT)
    wait_until(lambda: table.settled(120), "a cursor in the item")
    item = table.item

    assert (item["state"], item["epoch"] >= 1, bool(item["owner"])) == ("running", True, True)
    assert item["lease"] / 1000 > time.time()
    assert 0 < item["progress"]["targets"]["hook"]["settled"] < len(make_lines(range(120)))
    lab.sink.respond.let(120)
    assert running.result().failures == []
    assert len(lab.proxy.calls(*WRITES)) <= 4 + 2 * (time.monotonic() - started)
    assert all("epoch" in str(call) for call in lab.proxy.calls(*WRITES)), "a write is conditional on the epoch"


@pytest.mark.parametrize("code", ["AccessDeniedException", "ProvisionedThroughputExceededException", "ResourceNotFoundException"])
def test_without_the_table_nothing_is_forwarded(lab, code):
    """Forwarding without the recorded progress would send clicks twice."""
    lab.put(KEY, make_lines(range(5)))
    lab.proxy.faults.append(Fault(actions=(*WRITES, "GetItem"), times=None, answer=(400, code)))
    function = lab.forwarder(**lab.table().variables)

    assert function.invoke(EVENT, 12).failures == ["message-0"]
    assert (lab.sink.requests, lab.quarantine()) == ([], {})
    line = failure(function)
    assert line["level"] == "ERROR" and NAME in line["cause"], line


def test_a_table_that_is_not_there_is_named(lab):
    lab.put(KEY, make_lines(range(5)))
    function = lab.forwarder(PROGRESS_TABLE="no-such-table")

    assert function.invoke(EVENT).failures == ["message-0"]
    assert lab.sink.requests == [] and "no-such-table" in failure(function)["cause"]


def test_the_file_comes_through_once_the_table_is_there(lab):
    lab.put(KEY, make_lines(range(5)))
    function = lab.forwarder(PROGRESS_TABLE=NAME)

    assert function.invoke(EVENT).failures == ["message-0"]
    lab.table()
    assert function.invoke(EVENT).failures == []
    assert tags(lab.sink.clicks) == list(each_once(5))


def test_a_passing_fault_of_the_table_is_asked_again(lab):
    lab.put(KEY, make_lines(range(5)))
    lab.proxy.faults.append(Fault(actions=WRITES, times=2, answer=(400, "ProvisionedThroughputExceededException")))

    assert lab.forwarder(**lab.table().variables).invoke(EVENT).failures == []
    assert tags(lab.sink.clicks) == list(each_once(5))


def test_an_item_of_a_newer_format_is_left_alone(lab):
    """During a deployment both versions run: the older must not use items of a newer format."""
    version, table = lab.put(KEY, make_lines(range(5))), lab.table()
    item = {"object": {"S": f"s3://{BUCKET}/{KEY}#{version}"}, "format": {"N": "2"}, "news": {"S": "unknown"}}
    table.dynamodb.put_item(TableName=table.name, Item=item)
    function = lab.forwarder(**table.variables)

    assert function.invoke(EVENT).failures == ["message-0"]
    assert lab.sink.requests == [] and table.raw() == [item]
    assert failure(function)["level"] == "ERROR" and NAME in failure(function)["cause"]


def test_a_finish_that_cannot_be_written_brings_the_file_back(lab):
    """The message comes back, and the clicks are sent again under the same ids."""
    lab.put(KEY, make_lines(range(5)))
    table = lab.table()
    fault = Fault(actions=WRITES, times=None, answer=(400, "AccessDeniedException"))
    lab.sink.observe = lambda _: lab.proxy.faults or lab.proxy.faults.append(fault)

    assert lab.forwarder(**table.variables).invoke(EVENT, 12).failures == ["message-0"]
    lab.sink.observe = None
    lab.proxy.faults.clear()
    table.change(lease=1)
    assert lab.forwarder(**table.variables).invoke(EVENT).failures == []
    assert set(tags(lab.sink.clicks)) == set(each_once(5))
    assert len({click["id"] for click in lab.sink.clicks}) == 5
    assert table.item["state"] == "done"
