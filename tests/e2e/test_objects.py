"""Which object is read, and the outcome if it cannot be."""

import gzip
import json

import pytest
from answer import audit_lines
from events import BUCKET, FOLDER, batch_event, dump, event_bridge, make_lines, s3_event, sqs_event, tags
from lab import QUARANTINE
from proxy import DENIED, UNAVAILABLE, Fault, s3_error

KEY = FOLDER + "clicks"


def test_a_leading_slash_is_part_of_the_key(lab):
    lab.put("/folder/clicks", make_lines([1]))
    lab.put("folder/clicks", make_lines([2]))
    function = lab.forwarder()

    for key, tag in (("/folder/clicks", "tag-1"), ("folder/clicks", "tag-2")):
        assert function.invoke(dump(sqs_event(s3_event(key)))).failures == []
        assert tags(lab.sink.requests[-1].clicks) == [tag]


@pytest.mark.parametrize("key", ["/a b.json", "/a+b.json", "/a%2Bb.json", "/été/日本.json", "//twice//", "/a&b=c;d.json", "/'quoted\".json"])
def test_any_key_is_found_whatever_its_characters(lab, key):
    lab.put(key, make_lines([7]))

    assert lab.forwarder().invoke(dump(sqs_event(s3_event(key)))).failures == []
    assert tags(lab.sink.clicks) == ["tag-7"]


def test_an_event_bridge_key_is_tried_as_given_and_then_decoded(lab):
    lab.put("/a+b", make_lines([1]))
    lab.put("/a b", make_lines([2]))
    lab.put("/c d", make_lines([3]))

    answer = lab.forwarder().invoke(dump(sqs_event(event_bridge("/a+b"), event_bridge("/c+d"))))

    assert answer.failures == []
    assert sorted(tags(lab.sink.clicks)) == ["tag-1", "tag-3"]


def test_the_version_of_the_event_is_read_and_not_the_latest(lab):
    older = lab.put(KEY, make_lines([1]))
    lab.put(KEY, make_lines([2]))
    function = lab.forwarder()

    function.invoke(dump(s3_event(KEY, versions={KEY: older})))
    again = function.invoke(dump({"bucket": BUCKET, "key": KEY, "version": older}))
    function.invoke(dump({"bucket": BUCKET, "key": KEY, "version": older, "again": True}))
    function.invoke(dump({"bucket": BUCKET, "key": KEY}))

    assert again.json["forwarded_before"] == [f"s3://{BUCKET}/{KEY}"]
    assert tags(lab.sink.clicks) == ["tag-1", "tag-1", "tag-2"]


def test_a_missing_object_is_acknowledged_and_leaves_a_row(lab):
    assert lab.forwarder().invoke(dump(sqs_event(s3_event("/gone +1")))).failures == []

    assert {request.path for request in lab.proxy.reads("")} >= {f"/{BUCKET}//gone +1"}
    rows = lab.quarantined()
    assert rows and {row["kind"] for row in rows} == {"object"}
    assert {(row["source"]["bucket"], row["source"]["key"]) for row in rows} == {(BUCKET, "/gone +1")}
    assert lab.sink.requests == []


def test_a_missing_object_is_a_permanent_failure_of_its_batch_task(lab):
    [result] = lab.forwarder().invoke(dump(batch_event("/gone"))).json["results"]

    assert (result["taskId"], result["resultCode"]) == ("task-1", "PermanentFailure")
    assert result["resultString"]


@pytest.mark.parametrize(
    "page",
    [
        b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 22\r\n\r\n<html>Not Found</html>",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 20\r\n\r\n<html>Log in</html>\n",
        s3_error(404, "NoSuchAccessPoint"),
        s3_error(404, "NoSuchBucket"),
    ],
    ids=["a page", "nothing", "a login page", "no such access point", "no such bucket"],
)
def test_an_answer_that_is_not_s3s_own_word_brings_the_file_back(lab, page):
    lab.put(KEY, make_lines([1]))
    lab.proxy.faults.append(Fault(KEY, times=1, page=page))
    function, event = lab.forwarder(), dump(sqs_event(s3_event(KEY)))

    assert function.invoke(event).failures == ["message-0"]
    assert lab.quarantine() == {}
    assert function.invoke(event).failures == []
    assert tags(lab.sink.clicks) == ["tag-1"]


def test_denied_access_fails_the_job_in_the_way_of_its_trigger(lab):
    lab.put(KEY, make_lines([1]))
    lab.proxy.faults.append(Fault(KEY, times=None, answer=DENIED))
    function = lab.forwarder()

    assert function.invoke(dump(sqs_event(s3_event(KEY)))).failures == ["message-0"]
    direct = function.invoke(dump(s3_event(KEY)))
    assert direct.failed and KEY in direct.json["errorMessage"]
    [result] = function.invoke(dump(batch_event(KEY))).json["results"]
    assert result["resultCode"] == "TemporaryFailure"
    assert (lab.sink.requests, lab.quarantine()) == ([], {})
    assert {line["message"] for line in audit_lines(function.output())} <= {"object failed"}


def test_a_passing_fault_of_s3_is_retried(lab):
    lab.put(KEY, make_lines([1]))
    lab.proxy.faults.append(Fault(KEY, times=1, answer=UNAVAILABLE))

    assert lab.forwarder().invoke(dump(sqs_event(s3_event(KEY)))).failures == []
    assert tags(lab.sink.clicks) == ["tag-1"]


@pytest.mark.parametrize("body", [b"", gzip.compress(b""), b"\n\n", b"[]"], ids=["empty", "empty gzip", "blank lines", "empty array"])
def test_an_object_without_clicks_is_acknowledged(lab, body):
    lab.put(KEY, body)
    lab.put("/folder/", b"")

    assert lab.forwarder().invoke(dump(sqs_event(s3_event(KEY), s3_event("/folder/")))).failures == []
    assert (lab.sink.requests, lab.quarantine()) == ([], {})


def test_what_lies_outside_sources_or_in_the_quarantine_is_never_read(lab):
    lab.s3.create_bucket(Bucket="other", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    lab.put("/clicks", make_lines([1]), bucket="other")
    lab.put("quarantine/clicks", make_lines([2]), bucket=QUARANTINE)
    lab.put("/outside", make_lines([3]))
    lab.put("/inside/clicks", make_lines([4]))
    function = lab.forwarder(SOURCES=f"{BUCKET}//inside/,{QUARANTINE}")
    places = [("/clicks", "other"), ("quarantine/clicks", QUARANTINE), ("/outside", BUCKET), ("/inside/clicks", BUCKET)]

    answer = function.invoke(dump(sqs_event(*(s3_event(key, bucket=bucket) for key, bucket in places))))

    assert answer.failures == []
    assert tags(lab.sink.clicks) == ["tag-4"]
    assert [request.path for request in lab.proxy.requests if request.method == "GET"] == [f"/{BUCKET}//inside/clicks"]


def test_every_object_has_its_line_in_the_log(lab):
    lab.put(KEY, make_lines(range(5)))
    function = lab.forwarder()
    function.invoke(dump(sqs_event(s3_event(KEY))))

    [line] = audit_lines(function.output())
    assert line["message"] == "object forwarded" and KEY in json.dumps(line["object"], ensure_ascii=False)
    assert {name: line[name] for name in ("target", "read", "sent", "filtered", "quarantined", "failed")} == {
        "target": "hook",
        "read": 5,
        "sent": 5,
        "filtered": 0,
        "quarantined": 0,
        "failed": 0,
    }
