"""Lambda's event source mapping for SQS, and a queue of the emulator for it to drain."""

import json

from events import dump

ARN = "arn:aws:sqs:eu-west-1:123456789012:"


class Queue:
    """A queue with its dead letters. Its clock is the real one: `wake` stands for waiting."""

    def __init__(self, emulator, name="clicks", max_receives=100):
        self.sqs, self.name, self.arn = emulator.client("sqs"), name, ARN + name
        self.in_flight = {}
        self.dead_url = self.sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
        redrive = json.dumps({"deadLetterTargetArn": f"{self.arn}-dead", "maxReceiveCount": max_receives})
        attributes = {"VisibilityTimeout": "720", "RedrivePolicy": redrive}
        self.url = self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        self.variables = {"CONTINUE_QUEUE_URL": self.url}

    def send(self, *bodies):
        """The message ids."""
        return [self.sqs.send_message(QueueUrl=self.url, MessageBody=dump(body).decode())["MessageId"] for body in bodies]

    def receive(self):
        """Up to ten messages as the records of an event."""
        answer = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10, AttributeNames=["All"])
        records = [record(message, self.arn) for message in answer.get("Messages", [])]
        self.in_flight.update({record["messageId"]: record["receiptHandle"] for record in records})
        return records

    def delete(self, record):
        self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=record["receiptHandle"])
        self.in_flight.pop(record["messageId"], None)

    def wake(self):
        """All that came back is visible now; in truth that takes from seconds to an hour."""
        for name, handle in list(self.in_flight.items()):
            try:
                self.sqs.change_message_visibility(QueueUrl=self.url, ReceiptHandle=handle, VisibilityTimeout=0)
            except self.sqs.exceptions.ReceiptHandleIsInvalid:
                # It went to the dead letters.
                del self.in_flight[name]
        return bool(self.in_flight)

    def left(self, url=None):
        """How many messages there are: waiting, in flight and delayed."""
        names = [f"ApproximateNumberOfMessages{kind}" for kind in ("", "NotVisible", "Delayed")]
        attributes = self.sqs.get_queue_attributes(QueueUrl=url or self.url, AttributeNames=names)["Attributes"]
        return sum(map(int, attributes.values()))

    @property
    def dead(self):
        return self.left(self.dead_url)


def record(message, arn):
    """A message in the members that Lambda gives it."""
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": {},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": "eu-west-1",
    }


class Pump:
    """Brings a queue's messages to a function, deletes what it acknowledged and leaves what it did not."""

    def __init__(self, queue, function, timeout=None):
        self.queue, self.function, self.timeout = queue, function, timeout
        self.answers = []

    def turn(self):
        """One invocation with what is visible; None if nothing is."""
        records = self.queue.receive()
        if not records:
            return None
        answer = self.function.invoke(dump({"Records": records}), self.timeout)
        self.answers.append(answer)
        # A function that died or refused has acknowledged nothing.
        failures = [record["messageId"] for record in records] if answer.failed else answer.failures
        for record in records:
            if record["messageId"] not in failures:
                self.queue.delete(record)
        return answer

    def drain(self, most=30):
        """Until nothing is visible; returns how many invocations that took."""
        for turns in range(most):
            if self.turn() is None:
                return turns
        raise AssertionError(f"{most} invocations did not empty the queue")

    def deliver(self, most=30):
        """Until the queue is empty, however long its messages would have waited."""
        turns = self.drain(most)
        while self.queue.wake():
            turns += self.drain(most)
            assert turns < most, f"{turns} invocations did not empty the queue"
        return turns


class Fresh:
    """A function with a new process for each event: Lambda ends one that was idle for an hour."""

    def __init__(self, start):
        self.start = start

    def invoke(self, event, timeout=None):
        function = self.start()
        try:
            return function.invoke(event, timeout)
        finally:
            function.close()
