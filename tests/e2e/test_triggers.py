"""Every event of the repository, through the real binary under AWS's emulator, down to the bytes that arrive."""

import json
import uuid

import pytest
from events import GZIPPED, LINES, ONE, UNICODE, base_name, clicks_in, contents, dump, event_bridge, s3_event, sqs_event, webhook_form, without_ids

ROADS = {
    "s3": [ONE, LINES],
    "sqs": [LINES, UNICODE],
    "sns": [GZIPPED],
    "sqs-sns": [GZIPPED, ONE],
    "sqs-sns-raw": [ONE, GZIPPED],
    "eventbridge": [UNICODE],
    "sqs-eventbridge": [GZIPPED, UNICODE],
    "eventbridge-cloudtrail": [GZIPPED],
    "sqs-cloudtrail": [GZIPPED],
    "sqs-continuations": [GZIPPED, LINES],
    "replay-token": [GZIPPED],
    "batch-1.0": [UNICODE],
    "batch-2.0": [LINES],
    "replay": [ONE],
    "replay-list": [LINES, ONE, UNICODE],
    "test-event": [],
    "sqs-test-event": [],
}


@pytest.mark.parametrize(("name", "keys"), ROADS.items(), ids=ROADS.keys())
def test_every_click_of_every_object_arrives_once(lab, name, keys):
    answer = lab.emulated().invoke(lab.event(name))

    assert not answer.failed, answer.body
    if name.startswith("sqs"):
        assert answer.json == {"batchItemFailures": []}
    arrived = {}
    for request in lab.sink.requests:
        arrived.setdefault(request.json["key"], []).extend(request.json["data"])
    assert {key: without_ids(clicks) for key, clicks in arrived.items()} == {
        base_name(key): [webhook_form(click) for click in clicks_in(key)] for key in keys
    }
    ids = [click["id"] for click in lab.sink.clicks]
    assert len(set(ids)) == len(ids) and all(uuid.UUID(id).version == 8 for id in ids)
    assert lab.quarantine() == {}


def test_an_endpoint_written_for_rebrandlys_webhook_gets_its_bytes(lab):
    lab.emulated().invoke(lab.event("replay"))

    [request] = lab.sink.requests
    assert (request.method, request.headers["content-type"]) == ("POST", "application/json")
    assert int(request.headers["content-length"]) == len(request.body)
    assert request.body.startswith(b'{"data":[{"') and request.body.endswith(f'}}],"key":"{base_name(ONE)}"}}'.encode())


def test_the_same_clicks_have_the_same_ids_by_whatever_road_they_come(lab):
    function, seen = lab.emulated(), {}
    for name in ROADS:
        function.invoke(lab.event(name))
    for click in lab.sink.clicks:
        seen.setdefault(click["timestamp"], set()).add(click["id"])

    assert len(seen) == 11
    assert all(len(ids) == 1 for ids in seen.values()), seen


@pytest.mark.parametrize("name", ["batch-1.0", "batch-2.0"])
def test_s3_batch_operations_gets_one_result_a_task(lab, name):
    event = lab.event(name)
    answer = lab.emulated().invoke(event).json

    asked = json.loads(event)
    assert answer["invocationSchemaVersion"] == asked["invocationSchemaVersion"]
    assert answer["invocationId"] == asked["invocationId"]
    assert answer["treatMissingKeysAs"] == "PermanentFailure"
    [result] = answer["results"]
    assert (result["taskId"], result["resultCode"]) == (asked["tasks"][0]["taskId"], "Succeeded")


@pytest.mark.parametrize(
    "event", [{"hello": "world"}, {}, [], "text", 7, None, {"Records": [{"eventSource": "aws:kinesis"}]}], ids=repr
)
def test_an_event_of_no_known_shape_is_an_error_that_names_the_known_ones(lab, event):
    answer = lab.emulated().invoke(dump(event))

    assert answer.failed and answer.json["errorType"]
    for shape in ("S3", "SQS", "SNS", "EventBridge", "Batch Operations"):
        assert shape in answer.json["errorMessage"]


@pytest.mark.parametrize("name", ["ObjectRemoved:Delete", "ObjectTagging:Put", "Object Deleted", "Object Tags Added"])
def test_an_event_that_is_not_of_a_new_object_is_acknowledged_unread(lab, name):
    """A notification of objects outside `SOURCES` must neither fail for ever nor forward a file again."""
    lab.put(ONE, contents(ONE))
    event = s3_event(ONE) if ":" in name else event_bridge(ONE)
    if ":" in name:
        event["Records"][0]["eventName"] = name
    else:
        event["detail-type"] = name

    assert lab.forwarder().invoke(dump(sqs_event(event))).failures == []
    assert (lab.sink.requests, lab.quarantine()) == ([], {})


@pytest.mark.parametrize("call", ["PutObject", "CompleteMultipartUpload", "CopyObject"])
def test_an_object_that_only_cloudtrail_tells_of_is_forwarded(lab, call):
    lab.put(ONE, contents(ONE))
    event = json.loads(lab.event("eventbridge-cloudtrail"))
    event["detail"]["eventName"] = call
    event["detail"]["requestParameters"]["key"] = ONE
    del event["detail"]["responseElements"]

    assert lab.forwarder().invoke(dump(sqs_event(event))).failures == []
    assert without_ids(lab.sink.clicks) == [webhook_form(click) for click in clicks_in(ONE)]


def test_a_queue_message_with_odd_attributes_is_read(lab):
    """Emulators and republished events send what AWS itself does not."""
    lab.put(ONE, contents(ONE))
    event = sqs_event(s3_event(ONE))
    event["Records"][0]["messageAttributes"] = {"T": {"stringValue": "x", "stringListValues": None, "dataType": "String"}, "U": None}
    event["Records"][0]["awsRegion"] = None

    assert lab.forwarder().invoke(dump(event)).failures == []
    assert len(lab.sink.clicks) == len(clicks_in(ONE))


def test_a_queue_message_of_no_known_shape_fails_alone(lab):
    lab.put(ONE, contents(ONE))
    answer = lab.forwarder().invoke(dump(sqs_event(s3_event(ONE), {"hello": "world"}, "not json", s3_event(ONE))))

    assert answer.failures == ["message-1", "message-2"]
