"""A target receives each click once, however often and by whichever trigger its file comes."""

from collections import Counter
from threading import Event

import pytest
from answer import audit_lines, log_lines
from events import BUCKET, FOLDER, dump, each_once, event_bridge, make_lines, s3_event, sqs_event, tags
from process import wait_until
from sink import Reply

KEY = FOLDER + "clicks"
OTHER = "/other"


def log_lines_with(function, message):
    return [line for line in log_lines(function.output()) if line.get("message") == message]


def arrived(lab, path="/clicks"):
    return Counter(tags(click for request in lab.sink.accepted if request.path == path for click in request.clicks))


def two_targets(lab):
    return {"TARGETS": "hook,other", "OTHER_KIND": "http", "OTHER_URL": lab.sink.url.replace("/clicks", OTHER)}


def refuse(condition):
    """401 fails a target at once, without retries."""
    return lambda request: Reply(401 if condition(request) else 200)


def notice(number=0, **changes):
    return dump(sqs_event({**s3_event(KEY), **changes}, first=number))


def test_a_second_notice_is_acknowledged_and_nothing_is_sent(lab):
    lab.put(KEY, make_lines(range(50)))
    function = lab.forwarder(**lab.table().variables)

    assert function.invoke(notice(0)).failures == []
    assert function.invoke(notice(1)).failures == []
    assert arrived(lab) == each_once(50)
    assert len(lab.proxy.reads(KEY)) == 2, "a look at the object tells its revision"
    [line] = log_lines_with(function, "object forwarded before")
    assert line["level"] == "INFO"


def test_another_process_knows_it_too(lab):
    lab.put(KEY, make_lines(range(50)))
    variables = lab.table().variables
    for number in range(3):
        assert lab.forwarder(**variables).invoke(notice(number)).failures == []

    assert arrived(lab) == each_once(50)


def test_a_new_version_of_an_object_is_a_new_object(lab):
    function = lab.forwarder(**lab.table().variables)
    for clicks in (range(10), range(10, 20)):
        lab.put(KEY, make_lines(clicks))
        assert function.invoke(notice()).failures == []

    assert arrived(lab) == each_once(20)


def test_a_bucket_without_versions_tells_objects_apart_by_their_contents(lab):
    lab.s3.create_bucket(Bucket="plain", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    table, event = lab.table(), dump(sqs_event(s3_event(KEY, bucket="plain")))
    function = lab.forwarder(SOURCES="plain", **table.variables)
    for clicks in (range(10), range(10, 20), range(10, 20)):
        lab.put(KEY, make_lines(clicks), bucket="plain")
        assert function.invoke(event).failures == []

    assert arrived(lab) == each_once(20)
    assert len(table.items) == 2 and not any('"' in item["object"] for item in table.items)


def test_two_functions_at_once_send_a_file_once(lab):
    """Each notification invokes its own instance: the second must neither send nor acknowledge what the first has not finished."""
    lab.put(KEY, make_lines(range(50)))
    go, queue = Event(), lab.clock_queue()
    lab.sink.respond = lambda _: Reply(after=go)
    variables = {**queue.variables, **lab.table().variables}
    first, second = lab.forwarder(**variables), lab.forwarder(**variables)
    queue.send(s3_event(KEY), s3_event(KEY))
    one, two = queue.receive()

    running = first.invoke_async(dump({"Records": [one]}))
    wait_until(lambda: lab.sink.requests, "the first request")
    refused = second.invoke(dump({"Records": [two]}))
    sent_meanwhile = len(lab.sink.requests)
    go.set()

    assert refused.failures == [two["messageId"]] and sent_meanwhile == 1
    assert running.result().failures == []
    assert second.invoke(dump({"Records": [two]})).failures == []
    assert arrived(lab) == each_once(50)
    [line] = log_lines_with(second, "object held by another invocation")
    assert line["level"] == "WARN"
    [delay] = [delay for message in queue.messages for delay in message.delays]
    assert 20 <= delay <= 36, "until the lease of 30 s runs out, and a little"


def test_two_notices_of_one_object_in_one_batch_send_it_once(lab):
    """EventBridge's event has no version id, S3's has: only the object itself shows that they mean the same."""
    version, queue = lab.put(KEY, make_lines(range(50))), lab.clock_queue()
    function = lab.forwarder(**queue.variables, **lab.table().variables)
    queue.send(s3_event(KEY, versions={KEY: version}), event_bridge(KEY))
    records = queue.receive()

    failures = function.invoke(dump({"Records": records})).failures
    if failures:
        again = [record for record in records if record["messageId"] in failures]
        assert function.invoke(dump({"Records": again})).failures == []
    assert len(failures) < 2
    assert arrived(lab) == each_once(50)


def test_only_the_target_that_failed_gets_the_file_again(lab):
    lab.put(KEY, make_lines(range(50)))
    table = lab.table()
    lab.sink.respond = refuse(lambda request: request.path == OTHER)
    function = lab.forwarder(**two_targets(lab), **table.variables)

    assert function.invoke(notice()).failures == ["message-0"]
    assert table.target("hook")["done"] and not table.target("other").get("done")
    lab.sink.respond = None
    assert function.invoke(notice()).failures == []

    assert arrived(lab) == arrived(lab, OTHER) == each_once(50)
    assert table.item["state"] == "done"


@pytest.mark.parametrize("concurrency", [1, 4])
def test_only_what_is_unsettled_comes_again(lab, concurrency):
    lab.put(KEY, make_lines(range(40)))
    lab.sink.respond = refuse(lambda _: len(lab.sink.accepted) >= 24)
    function = lab.forwarder(HOOK_BODY="single", HOOK_CONCURRENCY=concurrency, **lab.table().variables)

    assert function.invoke(notice()).failures == ["message-0"]
    lab.sink.respond = None
    assert function.invoke(notice()).failures == []

    assert arrived(lab) == each_once(40)
    first, second = audit_lines(function.output())
    assert (first["sent"], first["resumed"]) == (24, 0)
    assert (second["read"], second["sent"], second["resumed"], second["continued"]) == (16, 16, 24, False)


def test_a_gap_is_filled_without_what_lies_around_it(lab):
    """One click fails temporarily; those before and after it are accepted."""
    lab.put(KEY, make_lines(range(30)))
    table = lab.table()
    lab.sink.respond = lambda request: Reply(503 if tags(request.clicks) == ["tag-5"] else 200)
    variables = {"HOOK_BODY": "single", **table.variables}

    assert lab.forwarder(**variables).invoke(notice(), 6).failures == ["message-0"]
    assert set(each_once(30)) - table.settled(30) == {"tag-5"}
    lab.sink.respond = None
    assert lab.forwarder(**variables).invoke(notice()).failures == []
    assert arrived(lab) == each_once(30)


def test_bad_records_are_quarantined_once(lab):
    lab.put(KEY, make_lines(range(10)) + b"{broken\n" + make_lines(range(10, 20)))
    lab.sink.respond = refuse(lambda _: len(lab.sink.accepted) >= 15)
    function = lab.forwarder(HOOK_BODY="single", HOOK_CONCURRENCY=1, **lab.table().variables)

    assert function.invoke(notice()).failures == ["message-0"]
    lab.sink.respond = None
    assert function.invoke(notice()).failures == []
    assert arrived(lab) == each_once(20)
    assert [row["kind"] for row in lab.quarantined()] == ["record"]


def test_a_replay_again_forwards_the_same_ids_again(lab):
    lab.put(KEY, make_lines(range(20)))
    table = lab.table()
    function = lab.forwarder(**table.variables)
    replay = {"bucket": BUCKET, "key": KEY}

    for event in (replay, replay, {**replay, "again": True}):
        assert not function.invoke(dump(event)).failed
    first, second = (request.clicks for request in lab.sink.requests)
    assert first == second and len(first) == 20
    assert (table.item["generation"], table.item["state"]) == (2, "done")


def test_again_for_one_target_leaves_the_other_alone(lab):
    lab.put(KEY, make_lines(range(20)))
    function = lab.forwarder(**two_targets(lab), **lab.table().variables)
    function.invoke(notice())

    assert not function.invoke(dump({"bucket": BUCKET, "key": KEY, "again": True, "targets": ["hook"]})).failed
    assert set(arrived(lab).values()) == {2}
    assert arrived(lab, OTHER) == each_once(20)


def test_the_same_request_does_not_start_again_twice(lab):
    """SQS may deliver a message again although it was acknowledged, and whoever hears no answer asks again."""
    lab.put(KEY, make_lines(range(20)))
    function = lab.forwarder(**lab.table().variables)
    function.invoke(notice())
    again = {"bucket": BUCKET, "key": KEY, "again": True}
    another = {**again, "token": "another"}

    for number, request, times in ((1, again, 2), (1, again, 2), (2, again, 2), (3, another, 3), (4, another, 3)):
        assert function.invoke(dump(sqs_event(request, first=number))).failures == []
        assert set(arrived(lab).values()) == {times}
    # By hand, days after those messages were sent.
    for request, times in ((another, 3), (again, 4), (again, 4)):
        answer = function.invoke(dump(request)).json
        assert set(arrived(lab).values()) == {times}
    assert answer["forwarded_before"] and 'another "token"' in answer["hint"]


def test_again_that_failed_goes_on_with_what_is_missing(lab):
    lab.put(KEY, make_lines(range(20)))
    function = lab.forwarder(HOOK_BODY="single", HOOK_CONCURRENCY=1, **lab.table().variables)
    function.invoke(notice())
    lab.sink.respond = refuse(lambda _: len(lab.sink.accepted) >= 30)
    again = dump(sqs_event({"bucket": BUCKET, "key": KEY, "again": True}, first=1))

    assert function.invoke(again).failures == ["message-1"]
    lab.sink.respond = None
    assert function.invoke(again).failures == []
    assert arrived(lab) == Counter({tag: 2 for tag in each_once(20)})


def test_again_for_a_target_that_is_none_is_refused(lab):
    lab.put(KEY, make_lines(range(3)))
    answer = lab.forwarder(**lab.table().variables).invoke(dump({"bucket": BUCKET, "key": KEY, "again": True, "targets": ["hok"]}))

    assert answer.failed and "hok" in answer.json["errorMessage"]
    assert lab.sink.requests == []
