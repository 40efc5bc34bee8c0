"""Redelivery: how long a message waits, and that days of outage lose nothing.

The queue's clock is manual, so that a day passes in seconds.
"""

import json
import time
from collections import Counter

import pytest
from answer import log_lines
from events import BUCKET, FOLDER, dump, each_once, make_lines, s3_event, sqs_event, tags
from proxy import DENIED, Fault
from pump import Fresh, Pump
from queue_clock import DAY
from sink import Reply

KEY = FOLDER + "clicks"
SHORTEST, LONGEST = 20, 3600


def names(lab, count):
    """Stores so many files of ten clicks each."""
    keys = [f"{FOLDER}clicks-{number}" for number in range(count)]
    for number, key in enumerate(keys):
        lab.put(key, make_lines(range(number * 10, number * 10 + 10)))
    return keys


def test_the_function_says_how_long_a_message_waits(lab):
    lab.put(KEY, make_lines(range(3)))
    lab.sink.respond = lambda _: Reply(401)
    queue = lab.clock_queue()
    function = lab.forwarder(**queue.variables)
    [sent] = queue.send(s3_event(KEY))

    assert Pump(queue, function).poll().failures == [sent]
    [message] = queue.messages
    [delay] = message.delays
    assert SHORTEST <= delay <= 30
    [line] = [line for line in log_lines(function.output()) if line.get("message") == "message comes back"]
    assert line["level"] == "WARN"
    assert (line["message_id"], line["receives"], line["delay_s"]) == (sent, 1, delay)


def test_the_wait_grows_from_half_a_minute_to_an_hour(lab):
    lab.put(KEY, make_lines(range(3)))
    lab.sink.respond = lambda _: Reply(401)
    queue = lab.clock_queue()
    pump = Pump(queue, lab.forwarder(**queue.variables))
    queue.send(s3_event(KEY))
    for _ in range(14):
        pump.poll()
        queue.wake()

    [message] = queue.messages
    delays = message.delays
    assert len(delays) == 14 and all(SHORTEST <= delay <= LONGEST for delay in delays)
    assert sum(delays[:4]) < sum(delays[4:8]) < sum(delays[10:])
    assert max(delays[10:]) > LONGEST / 2
    assert len(set(delays[10:])) > 1, "jitter parts those that failed together"


def test_a_batch_of_failures_does_not_come_back_as_one(lab):
    queue = lab.clock_queue()
    lab.sink.respond = lambda _: Reply(401)
    pump = Pump(queue, lab.forwarder(**queue.variables))
    queue.send(*map(s3_event, names(lab, 10)))

    assert len(pump.poll().failures) == 10
    assert len({message.delays[0] for message in queue.messages}) > 1


@pytest.mark.parametrize("records", [{"receives": 1}, {"receives": 100_000}], ids=["first", "one of very many"])
def test_a_queue_that_refuses_to_wait_changes_nothing(lab, records):
    """The event's queue does not exist: the message comes back after the queue's own visibility time-out."""
    lab.put(KEY, make_lines(range(3)))
    lab.sink.respond = lambda _: Reply(401)

    assert lab.forwarder().invoke(dump(sqs_event(s3_event(KEY), **records))).failures == ["message-0"]


def test_a_target_that_is_down_for_a_day_loses_nothing(lab):
    """Nothing reaches the dead-letter queue either, from which a person would have to redrive it."""
    queue, table = lab.clock_queue(max_receives=100), lab.table()
    lab.sink.respond = lambda _: Reply(200 if queue.now >= DAY else 503, {} if queue.now >= DAY else {"Retry-After": "3600"})
    start = lambda: lab.forwarder(AWS_ENDPOINT_URL=lab.emulator.url, **queue.variables, **table.variables)
    pump = Pump(queue, Fresh(start), timeout=10)
    queue.send(*map(s3_event, names(lab, 3)))
    messages = list(queue.messages)
    pump.deliver(most=300)

    assert Counter(tags(lab.sink.clicks)) == each_once(30)
    assert (queue.messages, queue.dead, queue.expired) == ([], [], [])
    assert DAY <= queue.now < DAY + 2 * LONGEST, "the target was asked again within the hour"
    assert all(message.receives < 60 for message in messages), [message.receives for message in messages]
    assert {item["state"] for item in table.items} == {"done"}


def test_access_denied_for_ever_ends_in_the_dead_letters_and_its_neighbours_arrive(lab):
    queue, table = lab.clock_queue(max_receives=100), lab.table()
    keys = names(lab, 4)
    lab.proxy.faults.append(Fault(keys[1], times=None, answer=DENIED))
    pump = Pump(queue, lab.forwarder(**queue.variables, **table.variables))
    _, denied, *_ = queue.send(*map(s3_event, keys))

    assert pump.poll().failures == [denied]
    assert Counter(tags(lab.sink.clicks)) == each_once(40) - Counter(f"tag-{serial}" for serial in range(10, 20))
    pump.deliver(most=300)
    assert [message.id for message in queue.dead] == [denied]
    assert queue.dead[0].receives == 100 and queue.now < 14 * DAY
    assert (queue.messages, queue.expired) == ([], [])
    assert len(lab.sink.clicks) == 30


def test_a_dead_letter_sent_back_is_delivered(lab):
    """Redrives the dead letters, as the console does, once the permission is granted."""
    queue = lab.clock_queue(max_receives=3)
    lab.put(KEY, make_lines(range(10)))
    lab.proxy.faults.append(Fault(KEY, times=None, answer=DENIED))
    pump = Pump(queue, lab.forwarder(**queue.variables, **lab.table().variables))
    queue.send(s3_event(KEY))
    pump.deliver()
    assert len(queue.dead) == 1
    lab.proxy.faults.clear()
    with queue.lock:
        queue.put(queue.dead.pop().body, 0)
    pump.deliver()

    assert Counter(tags(lab.sink.clicks)) == each_once(10)


def accept_three_then(lab, answer):
    """Accepts three requests; then `answer`."""
    lab.sink.respond = lambda _: Reply(200) if len(lab.sink.accepted) < 3 else answer()


def test_the_rest_of_a_file_waits_as_long_as_the_target_asks(lab):
    """Not one invocation after another, each of which hears the same."""
    lab.put(KEY, make_lines(range(10)))
    queue = lab.clock_queue()
    accept_three_then(lab, lambda: Reply(200) if queue.now >= 600 else Reply(429, {"Retry-After": "600"}))
    table = lab.table()
    start = lambda: lab.forwarder(HOOK_BODY="single", HOOK_CONCURRENCY=1, **queue.variables, **table.variables)
    pump = Pump(queue, Fresh(start), timeout=5)
    queue.send(s3_event(KEY))
    pump.poll()
    [rest] = queue.messages
    assert 590 <= rest.visible - queue.now <= 610
    pump.deliver()

    assert Counter(tags(lab.sink.clicks)) == each_once(10)
    assert len(pump.answers) <= 3


def test_a_longer_wait_than_a_message_can_have_travels_in_it(lab):
    lab.put(KEY, make_lines(range(10)))
    queue = lab.clock_queue()
    accept_three_then(lab, lambda: Reply(429, {"Retry-After": "3000"}))
    table = lab.table()
    start = lambda: lab.forwarder(HOOK_BODY="single", HOOK_CONCURRENCY=1, **queue.variables, **table.variables)
    function = start()
    queue.send(s3_event(KEY))
    Pump(queue, function, timeout=5).poll()
    [rest] = queue.messages
    body = json.loads(rest.body)
    assert rest.visible - queue.now == 900
    assert 2900 <= body["not_before"] / 1000 - time.time() <= 3000

    asked = len(lab.sink.requests)
    queue.wake()
    [message] = queue.receive()
    assert start().invoke(dump({"Records": [message]})).failures == [rest.id]
    assert len(lab.sink.requests) == asked, "put back without work"
    assert 2900 <= rest.delays[-1] <= 3010
    lab.sink.respond = None
    body["not_before"] = int(time.time() * 1000)
    assert start().invoke(dump(sqs_event(body))).failures == []
    assert Counter(tags(lab.sink.clicks)) == each_once(10)


def test_the_rest_of_a_long_list_is_handed_over_in_time(lab):
    """Every file is delivered or in the queue, however many there are."""
    keys = [f"{FOLDER}one-{number}" for number in range(300)]
    for number, key in enumerate(keys):
        lab.put(key, make_lines([number]))
    lab.sink.respond = lambda _: Reply(delay=0.05)
    queue = lab.clock_queue()
    function = lab.forwarder(HOOK_CONCURRENCY=1, **queue.variables, **lab.table().variables)
    answer = function.invoke(dump([{"bucket": BUCKET, "key": key} for key in keys]), 4)

    assert not answer.failed and 0 < len(answer.json["handed_over"]) < 300
    assert len(queue.messages) <= 20, "those that were not begun share messages"
    lab.sink.respond = None
    Pump(queue, function).deliver()
    assert Counter(tags(lab.sink.clicks)) == each_once(300)


def test_a_replay_that_failed_goes_on_in_a_message_with_its_token(lab):
    """From the dead letters it comes back as another message, which must not start it anew."""
    lab.put(KEY, make_lines(range(10)))
    queue = lab.clock_queue()
    function = lab.forwarder(**queue.variables, **lab.table().variables)
    function.invoke(dump(s3_event(KEY)))
    lab.sink.respond = lambda _: Reply(401)
    queue.send({"bucket": BUCKET, "key": KEY, "again": True})
    assert Pump(queue, function).poll().failures == []
    [rest] = queue.messages
    assert json.loads(rest.body)["clickstream_continuation"] == 1
    lab.sink.respond = None
    for number in (1, 2, 3):
        assert function.invoke(dump(sqs_event(json.loads(rest.body), first=number))).failures == []

    assert Counter(tags(lab.sink.clicks)) == Counter({tag: 2 for tag in each_once(10)})
