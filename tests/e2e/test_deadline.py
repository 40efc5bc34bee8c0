"""Files that take longer than an invocation: each invocation passes the rest on in a message, and every click is sent once."""

import json
import time
from collections import Counter

import pytest
from answer import audit_lines
from events import BUCKET, FOLDER, batch_event, dump, each_once, make_lines, s3_event, tags
from proxy import Fault
from pump import Pump
from sink import Reply

KEY = FOLDER + "clicks"
COUNT = 240
SECONDS = 3
# 50 clicks a second are sent, and an invocation reads for about two seconds.
SLOW = {"HOOK_BODY": "single", "HOOK_CONCURRENCY": 2, "DEADLINE_MARGIN": "1s"}
TAKES_ITS_TIME = lambda _: Reply(delay=0.04)


def slow_lab(lab, count=COUNT):
    """Stores a file that needs several invocations; returns its version id."""
    lab.sink.respond = TAKES_ITS_TIME
    return lab.put(KEY, make_lines(range(count)))


def continuations(lab):
    """Returns the messages that the function sent, with their calls."""
    calls = [{**call, **entry} for call in lab.proxy.calls("SendMessageBatch") for entry in call["Entries"]]
    return [json.loads(call["MessageBody"]) for call in calls], calls


def table_of(lab, kept):
    return lab.table().variables if kept else {}


@pytest.mark.parametrize("kept", [True, False], ids=["with a table", "without a table"])
def test_a_chain_of_invocations_sends_every_click_once(lab, kept):
    version, queue = slow_lab(lab), lab.queue()
    function = lab.forwarder(**SLOW, **queue.variables, **table_of(lab, kept))
    pump = Pump(queue, function, SECONDS)
    [origin] = queue.send(s3_event(KEY, versions={KEY: version}))
    turns = pump.deliver()

    assert Counter(tags(lab.sink.clicks)) == each_once(COUNT)
    bodies, _ = continuations(lab)
    assert len(bodies) == turns - 1 >= 2
    assert [body["hop"] for body in bodies] == list(range(1, turns))
    for body in bodies:
        assert (body["clickstream_continuation"], body["origin"]) == (1, origin)
        assert (body["bucket"], body["key"], body["version"], body["revision"]) == (BUCKET, KEY, version, version)
        assert ("progress" in body) is not kept
    assert (queue.left(), queue.dead) == (0, 0)
    lines = audit_lines(function.output())
    assert [line["continued"] for line in lines] == [True] * (turns - 1) + [False]
    assert sum(line["sent"] for line in lines) == COUNT
    assert [line["resumed"] for line in lines] == [sum(line["sent"] for line in lines[:hop]) for hop in range(turns)]


def test_without_an_address_the_queue_of_the_message_gets_the_rest(lab):
    slow_lab(lab)
    queue = lab.queue()
    queue.send(s3_event(KEY))

    assert Pump(queue, lab.forwarder(**SLOW, **lab.table().variables), SECONDS).deliver() > 1
    assert Counter(tags(lab.sink.clicks)) == each_once(COUNT)
    assert {call["QueueUrl"].rpartition("/")[2] for call in continuations(lab)[1]} == {"clicks"}


def test_each_hop_may_be_another_process(lab):
    slow_lab(lab)
    queue, table = lab.queue(), lab.table()
    pump = Pump(queue, None, SECONDS)
    queue.send(s3_event(KEY))
    while queue.left():
        pump.function = lab.forwarder(**SLOW, **queue.variables, **table.variables)
        assert pump.poll().failures == []

    assert len(pump.answers) > 1
    assert Counter(tags(lab.sink.clicks)) == each_once(COUNT)


def test_between_two_hops_the_file_is_open_and_held_by_nobody(lab):
    slow_lab(lab)
    queue, table = lab.queue(), lab.table()
    queue.send(s3_event(KEY))
    Pump(queue, lab.forwarder(**SLOW, **queue.variables, **table.variables), SECONDS).poll()

    assert (table.item["state"], table.item["lease"]) == ("open", 0)
    assert Counter(tags(lab.sink.clicks)) == Counter(table.settled(COUNT)), "what is in flight is awaited and written down"


def test_the_rest_of_two_targets_is_kept_for_each(lab):
    """The fast target is done in the first invocation and gets nothing more."""
    slow_lab(lab)
    lab.sink.respond = lambda request: Reply(delay=0.04 if request.path == "/clicks" else 0)
    fast = {"TARGETS": "hook,fast", "FAST_KIND": "http", "FAST_URL": lab.sink.url.replace("/clicks", "/fast")}
    queue = lab.queue()
    queue.send(s3_event(KEY))
    Pump(queue, lab.forwarder(**SLOW, **fast, **queue.variables, **lab.table().variables), SECONDS).deliver()

    for path in ("/clicks", "/fast"):
        sent = (click for request in lab.sink.accepted if request.path == path for click in request.clicks)
        assert Counter(tags(sent)) == each_once(COUNT)


@pytest.mark.parametrize("kept", [True, False], ids=["with a table", "without a table"])
def test_a_continuation_that_cannot_be_sent_fails_the_message(lab, kept):
    slow_lab(lab)
    queue = lab.queue()
    lab.proxy.faults.append(Fault(actions=("SendMessageBatch",), times=None, answer=(403, "AccessDeniedException")))
    function = lab.forwarder(**SLOW, **queue.variables, **table_of(lab, kept))
    pump = Pump(queue, function, SECONDS)
    [sent] = queue.send(s3_event(KEY))
    assert pump.poll().failures == [sent]
    lab.proxy.faults.clear()
    pump.deliver()

    assert set(tags(lab.sink.clicks)) == set(each_once(COUNT)), "nothing is lost"
    assert not kept or Counter(tags(lab.sink.clicks)) == each_once(COUNT), "the table remembers"


def test_a_hop_that_settles_nothing_fails_instead_of_going_round_for_ever(lab):
    lab.put(KEY, make_lines(range(COUNT)))
    lab.sink.respond = lambda _: Reply(delay=SECONDS)
    queue = lab.queue(max_receives=2)
    pump = Pump(queue, lab.forwarder(**SLOW, **queue.variables, **lab.table().variables), SECONDS)
    [sent] = queue.send(s3_event(KEY))
    pump.deliver()

    assert [answer.failures for answer in pump.answers] == [[sent], [sent]]
    assert (continuations(lab)[0], queue.dead) == ([], 1)


def test_a_notice_while_the_chain_runs_doubles_nothing(lab):
    slow_lab(lab)
    queue, table = lab.queue(), lab.table()
    pump = Pump(queue, lab.forwarder(**SLOW, **queue.variables, **table.variables), SECONDS)
    queue.send(s3_event(KEY))
    pump.poll()
    queue.send(s3_event(KEY), s3_event(KEY))
    pump.deliver()

    assert Counter(tags(lab.sink.clicks)) == each_once(COUNT)
    assert (table.item["state"], queue.left()) == ("done", 0)


@pytest.mark.parametrize("event", [s3_event(KEY), {"bucket": BUCKET, "key": KEY}], ids=["S3's event", "a replay"])
def test_who_called_directly_is_told_what_was_handed_over(lab, event):
    slow_lab(lab)
    queue = lab.queue()
    function = lab.forwarder(**SLOW, **queue.variables, **lab.table().variables)

    assert function.invoke(dump(event), SECONDS).json["handed_over"] == [f"s3://{BUCKET}/{KEY}"]
    assert Pump(queue, function, SECONDS).deliver() > 0
    assert Counter(tags(lab.sink.clicks)) == each_once(COUNT)


def test_who_called_directly_is_told_of_the_failure_if_there_is_no_queue(lab):
    slow_lab(lab)
    answer = lab.forwarder(**SLOW, **lab.table().variables).invoke(dump(s3_event(KEY)), SECONDS)

    assert answer.failed and KEY in answer.json["errorMessage"]


def test_an_object_that_failed_waits_in_the_queue(lab):
    """Lambda retries an event of S3 twice, then drops it."""
    lab.put(KEY, make_lines(range(10)))
    lab.sink.respond = lambda _: Reply(401)
    queue = lab.clock_queue()
    function = lab.forwarder(**queue.variables, **lab.table().variables)
    assert function.invoke(dump(s3_event(KEY))).json["handed_over"] == [f"s3://{BUCKET}/{KEY}"]
    [message] = queue.messages
    assert 20 <= message.visible - queue.now <= 900
    lab.sink.respond = None
    Pump(queue, function).deliver()

    assert Counter(tags(lab.sink.clicks)) == each_once(10)


def test_a_task_of_batch_operations_is_handed_over_or_failed(lab):
    slow_lab(lab)
    queue = lab.queue()
    function = lab.forwarder(**SLOW, **queue.variables, **lab.table().variables)
    [handed] = function.invoke(dump(batch_event(KEY)), SECONDS).json["results"]
    Pump(queue, function, SECONDS).deliver()
    assert Counter(tags(lab.sink.clicks)) == each_once(COUNT)
    lab.put("/failing", make_lines(range(3)))
    lab.sink.respond = lambda _: Reply(401)
    [failed] = function.invoke(dump(batch_event("/failing")), SECONDS).json["results"]

    assert (handed["resultCode"], failed["resultCode"]) == ("Succeeded", "TemporaryFailure")


def test_many_clicks_into_a_target_that_takes_few_a_second(lab):
    """A scaled-down large file at a low rate: 3,000 clicks in 30 requests, 10 a second."""
    lab.put(KEY, make_lines(range(3000)))
    taken = Counter()

    def thirty_a_second(request):
        second = int(time.monotonic())
        taken[second] += 1
        return Reply(200) if taken[second] <= 30 else Reply(429, {"Retry-After": "1"})

    lab.sink.respond = thirty_a_second
    queue = lab.queue()
    pump = Pump(queue, lab.forwarder(HOOK_MAX_RECORDS=10, DEADLINE_MARGIN="1s", **queue.variables, **lab.table().variables), 5)
    queue.send(s3_event(KEY))

    assert pump.deliver() >= 2
    assert Counter(tags(lab.sink.clicks)) == each_once(3000)
    assert (queue.left(), queue.dead) == (0, 0)
