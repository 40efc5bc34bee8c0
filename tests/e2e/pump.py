"""Lambda's event source mapping for SQS, over a queue of the emulator."""

import json

from events import dump

ARN = "arn:aws:sqs:eu-west-1:123456789012:"


class Queue:
    """A queue with its dead-letter queue. Its clock is real: `wake` stands for waiting."""

    def __init__(self, emulator, name="clicks", max_receives=100):
        self.sqs, self.name, self.arn = emulator.client("sqs"), name, ARN + name
        self.in_flight = {}
        self.dead_url = self.sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
        redrive = json.dumps({"deadLetterTargetArn": f"{self.arn}-dead", "maxReceiveCount": max_receives})
        attributes = {"VisibilityTimeout": "720", "RedrivePolicy": redrive}
        self.url = self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        self.variables = {"CONTINUE_QUEUE_URL": self.url}

    def send(self, *bodies):
        """Sends these bodies; returns their message ids."""
        return [self.sqs.send_message(QueueUrl=self.url, MessageBody=dump(body).decode())["MessageId"] for body in bodies]

    def receive(self):
        """Receives up to ten messages as the records of an event."""
        answer = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10, AttributeNames=["All"])
        records = [record(message, self.arn) for message in answer.get("Messages", [])]
        self.in_flight.update({record["messageId"]: record["receiptHandle"] for record in records})
        return records

    def delete(self, record):
        self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=record["receiptHandle"])
        self.in_flight.pop(record["messageId"], None)

    def wake(self):
        """Makes every returned message visible at once, which really takes from seconds to an hour."""
        for name, handle in list(self.in_flight.items()):
            try:
                self.sqs.change_message_visibility(QueueUrl=self.url, ReceiptHandle=handle, VisibilityTimeout=0)
            except self.sqs.exceptions.ReceiptHandleIsInvalid:
                # It is in the dead-letter queue.
                del self.in_flight[name]
        return bool(self.in_flight)

    def left(self, url=None):
        """Returns the number of messages: visible, in flight and delayed."""
        names = [f"ApproximateNumberOfMessages{kind}" for kind in ("", "NotVisible", "Delayed")]
        attributes = self.sqs.get_queue_attributes(QueueUrl=url or self.url, AttributeNames=names)["Attributes"]
        return sum(map(int, attributes.values()))

    @property
    def dead(self):
        return self.left(self.dead_url)


def record(message, arn):
    """Returns a message as a record of Lambda's event."""
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
    """Invokes a function with a queue's messages and deletes those that it acknowledges."""

    def __init__(self, queue, function, timeout=None):
        self.queue, self.function, self.timeout = queue, function, timeout
        self.answers = []

    def poll(self):
        """Invokes the function once with the visible messages; returns None if there are none."""
        records = self.queue.receive()
        if not records:
            return None
        answer = self.function.invoke(dump({"Records": records}), self.timeout)
        self.answers.append(answer)
        # A function that died or failed has acknowledged nothing.
        failures = [record["messageId"] for record in records] if answer.failed else answer.failures
        for record in records:
            if record["messageId"] not in failures:
                self.queue.delete(record)
        return answer

    def drain(self, most=30):
        """Polls until no message is visible; returns the number of invocations."""
        for turns in range(most):
            if self.poll() is None:
                return turns
        raise AssertionError(f"{most} invocations did not empty the queue")

    def deliver(self, most=30):
        """Polls until the queue is empty, without waiting for delayed messages."""
        turns = self.drain(most)
        while self.queue.wake():
            turns += self.drain(most)
            assert turns < most, f"{turns} invocations did not empty the queue"
        return turns


class Fresh:
    """A function with a new process for each event, as after an idle hour."""

    def __init__(self, start):
        self.start = start

    def invoke(self, event, timeout=None):
        function = self.start()
        try:
            return function.invoke(event, timeout)
        finally:
            function.close()
