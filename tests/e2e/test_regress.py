"""Past defects that show only over real sockets."""

from collections import Counter

from events import FOLDER, dump, make_lines, s3_event, sqs_event, tags
from sink import Reply

KEY = FOLDER + "clicks"


def test_the_same_notice_twice_in_a_batch_is_sent_once(lab):
    lab.put(KEY, make_lines(range(20)))
    answer = lab.forwarder().invoke(dump(sqs_event(s3_event(KEY), s3_event(KEY), s3_event(KEY))))

    assert answer.failures == []
    assert Counter(tags(lab.sink.clicks)) == {f"tag-{serial}": 1 for serial in range(20)}


def test_an_answer_that_never_ends_does_not_undo_its_status(lab):
    """The body is drained in the background: the request was accepted, however short the time-out."""
    lab.sink.respond = lambda _: Reply(200, {"Content-Length": "1000"})
    lab.put(KEY, make_lines(range(6)))
    function = lab.forwarder(HOOK_TIMEOUT="700ms", HOOK_BODY="single", HOOK_CONCURRENCY="1")
    answer = function.invoke(dump(sqs_event(s3_event(KEY))), 12)

    assert answer.failures == []
    assert len(lab.sink.requests) == 6


def test_a_type_name_of_this_language_is_no_error_type(lab):
    answer = lab.forwarder().invoke(dump({"hello": "world"}))

    assert answer.failed and answer.json["errorType"] == "UnknownEvent", answer.body
