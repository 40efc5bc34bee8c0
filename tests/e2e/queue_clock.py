"""A queue with a manual clock: a day of redeliveries takes seconds.

It implements the two calls of SQS that the function makes: changing a message's visibility and sending one.
"""

import hashlib
import json
import uuid
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import RLock, Thread

from events import dump
from pump import ARN, record
from sink import body_of

DAY = 24 * 3600
MOST_DELAY, MOST_VISIBILITY = 900, 12 * 3600


@dataclass
class Message:
    body: str
    sent: float
    visible: float
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    handle: str = ""
    receives: int = 0
    first: float = 0
    # The visibility time-outs that the function set, in seconds.
    delays: list = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        action, asked = self.headers["X-Amz-Target"].rpartition(".")[2], json.loads(body_of(self))
        try:
            status, answer = 200, self.server.queue.answer(action, asked)
        except ValueError as error:
            status, answer = 400, {"__type": f"com.amazonaws.sqs#{error}", "message": f"{action} {asked}"}
        body = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/x-amz-json-1.0", "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class ClockQueue:
    """`now` is its time in seconds. After `max_receives` receives a message is a dead letter, after 14 days it is deleted."""

    def __init__(self, name="clicks", max_receives=100, visibility=720, retention=14 * DAY):
        self.arn, self.now = ARN + name, 0.0
        self.max_receives, self.visibility, self.retention = max_receives, visibility, retention
        self.messages, self.dead, self.expired = [], [], []
        self.lock = RLock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads, self.server.block_on_close = True, False
        self.server.queue = self
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"
        self.url = f"{self.endpoint}/123456789012/{name}"
        self.variables = {"AWS_ENDPOINT_URL_SQS": self.endpoint, "CONTINUE_QUEUE_URL": self.url}
        Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def answer(self, action, asked):
        """Serves the two calls that the function may make; any other fails the test. A delay that SQS refuses does too."""
        with self.lock:
            if asked["QueueUrl"].rpartition("/")[2] != self.arn.rpartition(":")[2]:
                raise ValueError("QueueDoesNotExist")
            if action == "SendMessageBatch":
                put = lambda entry: {"Id": entry["Id"], **self.put(entry["MessageBody"], entry.get("DelaySeconds", 0))}
                return {"Successful": [put(entry) for entry in asked["Entries"]], "Failed": []}
            if action == "ChangeMessageVisibility":
                return self.postpone(asked["ReceiptHandle"], asked["VisibilityTimeout"])
            raise ValueError("UnsupportedOperation")

    def put(self, body, delay):
        if not 0 <= delay <= MOST_DELAY:
            raise ValueError("InvalidParameterValue")
        message = Message(body, self.now, self.now + delay)
        self.messages.append(message)
        return {"MessageId": message.id, "MD5OfMessageBody": hashlib.md5(body.encode()).hexdigest()}

    def postpone(self, handle, seconds):
        held = [message for message in self.messages if message.handle == handle and message.visible > self.now]
        if not held:
            raise ValueError("MessageNotInflight")
        if not 0 <= seconds <= MOST_VISIBILITY:
            raise ValueError("InvalidParameterValue")
        held[0].visible = self.now + seconds
        held[0].delays.append(seconds)
        return {}

    def send(self, *bodies):
        with self.lock:
            return [self.put(dump(body).decode(), 0)["MessageId"] for body in bodies]

    def receive(self):
        """Receives up to ten visible messages as the records of an event; those received too often become dead letters."""
        with self.lock:
            visible = [message for message in self.messages if message.visible <= self.now]
            for message in visible:
                if self.now - message.sent >= self.retention:
                    self.move(message, self.expired)
                elif message.receives >= self.max_receives:
                    self.move(message, self.dead)
            batch = [message for message in visible if message in self.messages][:10]
            return [self.hand_out(message) for message in batch]

    def move(self, message, place):
        self.messages.remove(message)
        place.append(message)

    def hand_out(self, message):
        message.receives += 1
        message.handle, message.visible = str(uuid.uuid4()), self.now + self.visibility
        message.first = message.first or self.now
        attributes = {
            "ApproximateReceiveCount": str(message.receives),
            "SentTimestamp": str(int(message.sent * 1000)),
            "ApproximateFirstReceiveTimestamp": str(int(message.first * 1000)),
            "SenderId": "AIDAEXAMPLE",
        }
        text = {"MessageId": message.id, "ReceiptHandle": message.handle, "Body": message.body}
        digest = hashlib.md5(message.body.encode()).hexdigest()
        return record({**text, "Attributes": attributes, "MD5OfBody": digest}, self.arn)

    def delete(self, record):
        with self.lock:
            self.messages = [message for message in self.messages if message.handle != record["receiptHandle"]]

    def wake(self):
        """Advances the clock until a message becomes visible; returns false if there is none."""
        with self.lock:
            if self.messages:
                self.now = max(self.now, min(message.visible for message in self.messages))
            return bool(self.messages)

    def close(self):
        self.server.shutdown()
        self.server.server_close()
