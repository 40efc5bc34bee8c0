"""Notifications that the emulated S3 sends itself, so that their shapes are not our own."""

import json

import pytest
from events import BUCKET, FOLDER, dump, make_lines, sqs_event, tags

KEY = FOLDER + "campaña +2.json"


class Queue:
    """A queue that receives the bucket's notifications, read as Lambda's poller reads it."""

    def __init__(self, lab):
        self.lab, self.sqs = lab, lab.emulator.client("sqs")
        self.url = self.sqs.create_queue(QueueName="clicks")["QueueUrl"]
        self.arn = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def event(self):
        """Returns one event with all messages of the queue."""
        bodies = []
        while messages := self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages"):
            bodies += [message["Body"] for message in messages]
        assert bodies, "the emulator sent nothing"
        return dump(sqs_event(*bodies))


def from_s3(lab, queue):
    configuration = {"QueueConfigurations": [{"Id": "clicks", "QueueArn": queue.arn, "Events": ["s3:ObjectCreated:*"]}]}
    lab.s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration=configuration)


def from_sns(lab, queue, raw):
    sns = lab.emulator.client("sns")
    topic = sns.create_topic(Name="clicks")["TopicArn"]
    attributes = {"RawMessageDelivery": "true"} if raw else {}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn, Attributes=attributes)
    configuration = {"TopicConfigurations": [{"Id": "clicks", "TopicArn": topic, "Events": ["s3:ObjectCreated:*"]}]}
    lab.s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration=configuration)


def from_event_bridge(lab, queue):
    events = lab.emulator.client("events")
    events.put_rule(Name="clicks", EventPattern=json.dumps({"source": ["aws.s3"], "detail-type": ["Object Created"]}))
    events.put_targets(Rule="clicks", Targets=[{"Id": "queue", "Arn": queue.arn}])
    lab.s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration={"EventBridgeConfiguration": {}})


ROADS = {
    "S3 to SQS": from_s3,
    "S3 to SNS to SQS": lambda lab, queue: from_sns(lab, queue, raw=False),
    "S3 to SNS to SQS, raw": lambda lab, queue: from_sns(lab, queue, raw=True),
    "S3 to EventBridge to SQS": from_event_bridge,
}


@pytest.mark.parametrize("connect", ROADS.values(), ids=ROADS.keys())
def test_the_notification_of_a_stored_object_brings_its_clicks(lab, connect):
    queue = Queue(lab)
    connect(lab, queue)
    lab.put(KEY, make_lines(range(3)))
    lab.put(FOLDER.lstrip("/") + "plain", make_lines(range(3, 5)))

    assert lab.forwarder().invoke(queue.event()).failures == []
    assert sorted(tags(lab.sink.clicks)) == [f"tag-{serial}" for serial in range(5)]


def test_the_test_message_of_a_new_notification_is_acknowledged(lab):
    queue = Queue(lab)
    from_s3(lab, queue)
    event = queue.event()

    assert b"s3:TestEvent" in event
    assert lab.forwarder().invoke(event).failures == []
    assert lab.sink.requests == []
