"""Redelivery: how long a message waits, and that days of outage lose nothing.

The queue's clock is manual, so that a day passes in seconds.
"""

from collections import Counter

import pytest
from answer import log_lines
from events import FOLDER, dump, each_once, make_lines, s3_event, sqs_event, tags
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
