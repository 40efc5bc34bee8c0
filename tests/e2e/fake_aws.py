"""A fake of the AWS calls that send clicks: it enforces the services' limits, which moto does not, and fails by script.

Firehose, Kinesis, SQS, SNS, EventBridge, DynamoDB, Lambda and STS on one port, over the wire protocols of botocore's
service models. It serves connections on plain sockets, so that 100,000 clicks in requests of ten take seconds.
"""

import base64
import hashlib
import json
import random
import re
import socket
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote, unquote_plus
from xml.sax.saxutils import escape

MIB = 1 << 20
CLICK = re.compile(rb'\{"(?:click_)?id":"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"')
# Characters that SQS and SNS refuse in a message.
FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
# Error codes that say nothing about the contents of a request.
PASSING = re.compile("Thrott|Exceeded|TooManyRequests|SlowDown|InternalFailure|InternalError|InternalException|Unavailable")


@dataclass
class Error:
    """The error of a call, or of one entry. Without `status` it is 500 for codes of the server's faults, else 400."""

    code: str
    status: int = 0
    message: str = "by the fake"
    # For one entry: the `SenderFault` that SQS and SNS report.
    sender: bool = False
    headers: dict = field(default_factory=dict)

    def __post_init__(self):
        self.status = self.status or (500 if self.code.startswith(("Internal", "ServiceUnavailable")) else 400)

    @property
    def passes(self):
        """Returns true if the same entry is to be sent again."""
        return not self.sender and (self.status >= 500 or bool(PASSING.search(self.code)))


class FunctionError(Error):
    """The invoked function failed; Lambda's own status is then 200."""


# Accept the whole call, then close the connection without a response.
LOST = Error("lost", 500)


@dataclass
class Entry:
    """One record, message, event or item of a call."""

    id: str
    data: bytes
    size: int
    group: str | None = None
    dedup: str | None = None
    key: object = None
    attributes: dict = field(default_factory=dict)
    # As received.
    sent: dict = field(default_factory=dict)
    ids: list | None = None

    def __post_init__(self):
        if self.ids is None:
            self.ids = [found.decode() for found in CLICK.findall(self.data)]

    @property
    def text(self):
        return self.data.decode()

    @property
    def json(self):
        return json.loads(self.data)

    @property
    def clicks(self):
        """Returns the clicks in the body, whichever form it has."""
        try:
            document = self.json
        except ValueError:
            return [json.loads(line) for line in self.text.splitlines()]
        return document if isinstance(document, list) else [document]


@dataclass
class Call:
    method: str
    path: str
    headers: dict
    body: bytes
    at: float
    service: str = ""
    action: str = ""
    document: dict = field(default_factory=dict)
    entries: list = field(default_factory=list)
    # The error of the response, if it was one.
    error: Error | None = None
    # How many requests were in flight when it arrived, itself included.
    beside: int = 0

    @property
    def scope(self):
        """Returns access key, region and service of the signature."""
        key, _, region, service, _ = re.search(r"Credential=([^,]+)", self.headers["authorization"])[1].split("/")
        return key, region, service

    @property
    def token(self):
        return self.headers.get("x-amz-security-token")

    @property
    def size(self):
        return sum(entry.size for entry in self.entries)

    @property
    def ids(self):
        return [click for entry in self.entries for click in entry.ids]


class Service:
    """One service's protocol: parses calls, checks limits, writes responses."""

    media, prefix = "application/x-amz-json-1.1", ""
    most, bytes, entry_bytes = 500, 0, 0

    def entries(self, call):
        raise NotImplementedError

    def broken(self, call):
        """Returns the limit of the service that the call breaks, or None."""
        if not 1 <= len(call.entries) <= self.most:
            return f"{len(call.entries)} entries"
        if call.size > self.bytes:
            return f"{call.size} bytes"
        if any(entry.size > self.entry_bytes for entry in call.entries):
            return "an entry too large"
        return None

    def answer(self, call, failures):
        """Returns the response's document; `errors` maps the numbers of failed entries to their errors."""
        raise NotImplementedError

    def success(self, call, failures):
        return 200, {}, self.media, json.dumps(self.answer(call, failures)).encode()

    def failure(self, call, error):
        return error.status, {}, self.media, json.dumps({"__type": self.prefix + error.code, "message": error.message}).encode()


class Firehose(Service):
    most, bytes, entry_bytes = 500, 4 * MIB, 1000 * 1024

    def entries(self, call):
        for number, record in enumerate(call.document["Records"]):
            data = base64.b64decode(record["Data"])
            yield Entry(str(number), data, len(data))

    def broken(self, call):
        if any(not entry.data.endswith(b"\n") for entry in call.entries):
            return "a record without a line feed, which runs into the next one"
        return super().broken(call)

    def answer(self, call, failures):
        one = lambda error: {"ErrorCode": error.code, "ErrorMessage": error.message}
        answers = [one(failures[at]) if at in failures else {"RecordId": str(at)} for at in range(len(call.entries))]
        return {"FailedPutCount": len(failures), "Encrypted": False, "RequestResponses": answers}


class Kinesis(Service):
    most, bytes, entry_bytes = 500, 10 * MIB, 10 * MIB

    def entries(self, call):
        for number, record in enumerate(call.document["Records"]):
            data, key = base64.b64decode(record["Data"]), record["PartitionKey"]
            yield Entry(str(number), data, len(data) + len(key.encode()), key=key)

    def broken(self, call):
        if any(not 1 <= len(entry.key) <= 256 for entry in call.entries):
            return "a partition key of no or too many characters"
        return super().broken(call)

    def answer(self, call, failures):
        one = lambda error: {"ErrorCode": error.code, "ErrorMessage": error.message}
        done = lambda at: {"SequenceNumber": str(at), "ShardId": "shardId-000000000000"}
        answers = [one(failures[at]) if at in failures else done(at) for at in range(len(call.entries))]
        return {"FailedRecordCount": len(failures), "Records": answers}


class Sqs(Service):
    media, prefix = "application/x-amz-json-1.0", "com.amazonaws.sqs#"
    most, bytes, entry_bytes = 10, MIB, MIB

    def entries(self, call):
        batch = call.action == "SendMessageBatch"
        for sent in call.document["Entries"] if batch else [call.document]:
            attributes = {name: value["StringValue"] for name, value in sent.get("MessageAttributes", {}).items()}
            yield message(sent.get("Id", "0"), sent["MessageBody"], attributes, sent)

    def broken(self, call):
        return messages_broken(call, ".fifo" in call.document["QueueUrl"]) or super().broken(call)

    def answer(self, call, failures):
        done = lambda entry: {"MessageId": f"message-{entry.id}", "MD5OfMessageBody": hashlib.md5(entry.data).hexdigest()}
        if call.action == "SendMessage":
            return done(call.entries[0])
        failed = lambda entry, error: {"Id": entry.id, "SenderFault": error.sender, "Code": error.code, "Message": error.message}
        numbered = list(enumerate(call.entries))
        return {
            "Successful": [{"Id": entry.id, **done(entry)} for at, entry in numbered if at not in failures],
            "Failed": [failed(entry, failures[at]) for at, entry in numbered if at in failures],
        }

    def failure(self, call, error):
        status, headers, media, body = super().failure(call, error)
        old = {"QueueDoesNotExist": "AWS.SimpleQueueService.NonExistentQueue"}.get(error.code, error.code)
        fault = "Receiver" if status >= 500 else "Sender"
        return status, {**headers, "x-amzn-query-error": f"{old};{fault}"}, media, body


class Xml(Service):
    """The query protocol: requests are forms, responses are XML."""

    media, space = "text/xml", ""

    def success(self, call, failures):
        inside = f"<{call.action}Result>{self.answer(call, failures)}</{call.action}Result>"
        body = f'<{call.action}Response xmlns="{self.space}">{inside}<ResponseMetadata/></{call.action}Response>'
        return 200, {}, self.media, body.encode()

    def failure(self, call, error):
        fault = "Receiver" if error.status >= 500 else "Sender"
        inside = f"<Error><Type>{fault}</Type><Code>{error.code}</Code><Message>{escape(error.message)}</Message></Error>"
        body = f'<ErrorResponse xmlns="{self.space}">{inside}<RequestId>fake</RequestId></ErrorResponse>'
        return error.status, {}, self.media, body.encode()


class Sns(Xml):
    space = "http://sns.amazonaws.com/doc/2010-03-31/"
    most, bytes, entry_bytes = 10, 262_144, 262_144

    def entries(self, call):
        found = {}
        for name, value in call.document.items():
            prefix, _, rest = name.partition(".member.")
            if prefix == "PublishBatchRequestEntries":
                number, _, member = rest.partition(".")
                found.setdefault(int(number), {})[member] = value
        for _, sent in sorted(found.items()):
            given = [name.removesuffix(".Name") for name in sent if name.endswith(".Name")]
            values = {sent[f"{name}.Name"]: sent[f"{name}.Value.StringValue"] for name in given}
            yield message(sent["Id"], sent["Message"], values, sent)

    def broken(self, call):
        if any(not value for entry in call.entries for value in entry.attributes.values()):
            return "an attribute without a value"
        return messages_broken(call, call.document["TopicArn"].endswith(".fifo")) or super().broken(call)

    def answer(self, call, failures):
        done, failed = [], []
        for at, entry in enumerate(call.entries):
            if error := failures.get(at):
                fault = str(error.sender).lower()
                said = f"<Code>{error.code}</Code><Message>{escape(error.message)}</Message><SenderFault>{fault}</SenderFault>"
                failed.append(f"<member><Id>{entry.id}</Id>{said}</member>")
            else:
                done.append(f"<member><Id>{entry.id}</Id><MessageId>message-{entry.id}</MessageId></member>")
        return f"<Successful>{''.join(done)}</Successful><Failed>{''.join(failed)}</Failed>"


class EventBridge(Service):
    most, bytes, entry_bytes = 10, MIB - 1, MIB - 1

    def entries(self, call):
        for number, sent in enumerate(call.document["Entries"]):
            text = [sent["Detail"], sent["DetailType"], sent["Source"], *sent.get("Resources", [])]
            size = sum(len(part.encode()) for part in text) + (14 if "Time" in sent else 0)
            yield Entry(str(number), sent["Detail"].encode(), size, sent=sent)

    def broken(self, call):
        if any(not isinstance(entry.json, dict) for entry in call.entries):
            return "a detail that is no object"
        return super().broken(call)

    def answer(self, call, failures):
        one = lambda error: {"ErrorCode": error.code, "ErrorMessage": error.message}
        answers = [one(failures[at]) if at in failures else {"EventId": str(at)} for at in range(len(call.entries))]
        return {"FailedEntryCount": len(failures), "Entries": answers}


class DynamoDb(Service):
    media, prefix = "application/x-amz-json-1.0", "com.amazonaws.dynamodb.v20120810#"
    most, bytes, entry_bytes = 25, 16 * MIB, 400 * 1024

    def __init__(self, keys):
        self.keys, self.items = keys, {}

    def entries(self, call):
        if call.action == "PutItem":
            yield self.entry(call.document["Item"])
            return
        for requests in call.document["RequestItems"].values():
            for request in requests:
                yield self.entry(request["PutRequest"]["Item"])

    def entry(self, item):
        size = sum(len(name) + sum(len(str(inner).encode()) for inner in value.values()) for name, value in item.items())
        ids = [item["click_id"]["S"]] if "click_id" in item else []
        return Entry("", json.dumps(item).encode(), size, key=self.key(item), sent=item, ids=ids)

    def key(self, item):
        return tuple(next(iter(item.get(name, {"S": ""}).values())) for name in self.keys)

    def broken(self, call):
        if any("" in entry.key for entry in call.entries):
            return "an item without its key"
        if len({entry.key for entry in call.entries}) < len(call.entries):
            return "the same key twice"
        condition = call.document.get("ConditionExpression", "attribute_not_exists")
        if not condition.startswith("attribute_not_exists"):
            return f"a condition of no known form: {condition}"
        return super().broken(call)

    def refuse(self, call):
        """The condition of a PutItem."""
        there = self.items.get(call.entries[0].key) if "ConditionExpression" in call.document else None
        if there is None:
            return None
        return Error("ConditionalCheckFailedException", message="The conditional request failed", headers={"item": there})

    def accept(self, entry):
        self.items[entry.key] = entry.sent

    def answer(self, call, failures):
        if call.action == "PutItem":
            return {}
        again = {}
        if failures:
            [table] = call.document["RequestItems"]
            again = {table: [{"PutRequest": {"Item": call.entries[at].sent}} for at in failures]}
        return {"UnprocessedItems": again}

    def failure(self, call, error):
        status, _, media, body = super().failure(call, error)
        if call.document.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" and "item" in error.headers:
            body = json.dumps({**json.loads(body), "Item": error.headers["item"]}).encode()
        return status, {}, media, body


class Lambda(Service):
    media = "application/json"
    # The function's result in a successful response.
    payload = b"null"

    def entries(self, call):
        for click in call.document["data"]:
            data = json.dumps(click, ensure_ascii=False, separators=(",", ":")).encode()
            yield Entry(click["id"], data, len(data), sent=click)

    def broken(self, call):
        most = MIB if call.headers.get("x-amz-invocation-type") == "Event" else 6 * MIB
        return f"{len(call.body)} bytes" if len(call.body) > most or not call.entries else None

    def success(self, call, failures):
        if call.headers.get("x-amz-invocation-type") == "Event":
            return 202, {}, self.media, b""
        failed = [{"itemIdentifier": call.entries[at].id} for at in failures]
        body = json.dumps({"batchItemFailures": failed}).encode() if failed else self.payload
        return 200, {"X-Amz-Executed-Version": "$LATEST"}, self.media, body

    def failure(self, call, error):
        if isinstance(error, FunctionError):
            body = json.dumps({"errorMessage": error.message, "errorType": "Exception"}).encode()
            return 200, {"X-Amz-Function-Error": error.code, "X-Amz-Executed-Version": "$LATEST"}, self.media, body
        body = json.dumps({"Type": "User", "Message": error.message}).encode()
        return error.status, {"x-amzn-ErrorType": error.code}, self.media, body


class Sts(Xml):
    """Issues a new set of credentials for each call, valid for an hour."""

    space = "https://sts.amazonaws.com/doc/2011-06-15/"
    most, bytes, entry_bytes = 1, MIB, MIB

    def __init__(self):
        self.issued = []

    def entries(self, call):
        yield Entry("", b"", 0)

    def broken(self, call):
        name = call.document.get("RoleSessionName", "")
        return None if re.fullmatch(r"[\w+=,.@-]{2,64}", name) else f"a session named {name}"

    def answer(self, call, failures):
        number = len(self.issued)
        key, secret, token = f"ASIAASSUMED{number:09}", f"assumed-secret-{number}", f"assumed-token-{number}"
        self.issued.append((key, secret, token))
        ends = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        credentials = f"<AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey><SessionToken>{token}</SessionToken>"
        role = call.document["RoleArn"].replace(":iam:", ":sts:").replace(":role/", ":assumed-role/")
        user = f"<Arn>{role}/{call.document['RoleSessionName']}</Arn><AssumedRoleId>AROAFAKE:session</AssumedRoleId>"
        return f"<Credentials>{credentials}<Expiration>{ends}</Expiration></Credentials><AssumedRoleUser>{user}</AssumedRoleUser>"


def message(name, text, attributes, sent):
    """Returns an entry of SQS or SNS; attributes' names and types count towards its size."""
    data = text.encode()
    size = len(data) + sum(len(key) + len("String") + len(value.encode()) for key, value in attributes.items())
    group, dedup = sent.get("MessageGroupId"), sent.get("MessageDeduplicationId")
    return Entry(name, data, size, group, dedup, attributes=attributes, sent=sent)


def messages_broken(call, fifo):
    names = [entry.id for entry in call.entries]
    if len(set(names)) < len(names) or not all(ENTRY_ID.fullmatch(name) for name in names):
        return f"entry ids {names}"
    if any(FORBIDDEN.search(entry.text) for entry in call.entries):
        return "a character that no message may hold"
    groups = [entry.group for entry in call.entries]
    if fifo:
        if not all(groups) or not all(entry.dedup for entry in call.entries):
            return "a message without its group or its deduplication id"
        if len(set(groups)) < len(groups):
            return "two messages of one group in a request"
        if any(len(entry.group) > 128 or len(entry.dedup) > 128 for entry in call.entries):
            return "a group or deduplication id too long"
    elif any(entry.dedup for entry in call.entries):
        return "a deduplication id for what is not FIFO"
    return None


class FakeAws:
    """Accepts and records calls that respect the limits; lists the others in `broken`.

    `script` holds the faults of the next calls, in order: an `Error`, `LOST`, or None for success. `refuse` decides
    by the call instead, `decide` by each entry; both return an `Error` or None. None of the three applies to STS,
    which has `deny_role`. Without `keep` only the ids of the clicks are recorded.
    """

    def __init__(self, keep=True, keys=("click_id",)):
        self.calls, self.accepted, self.broken, self.script = [], [], [], []
        self.refuse = self.decide = self.deny_role = None
        self.keep, self.delay = keep, 0
        self.lock, self.in_flight, self.connections = threading.Lock(), 0, 0
        # FIFO: groups of requests in flight, the entry that each group waits for, the deduplication ids that were accepted.
        self.groups_in_flight, self.held, self.taken = set(), {}, set()
        self.sts, self.dynamodb, self.function = Sts(), DynamoDb(keys), Lambda()
        self.services = {
            "Firehose_20150804": ("firehose", Firehose()),
            "Kinesis_20131202": ("kinesis", Kinesis()),
            "AmazonSQS": ("sqs", Sqs()),
            "AWSEvents": ("eventbridge", EventBridge()),
            "DynamoDB_20120810": ("dynamodb", self.dynamodb),
            "PublishBatch": ("sns", Sns()),
            "AssumeRole": ("sts", self.sts),
            "lambda": ("lambda", self.function),
        }
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.listen, daemon=True).start()

    @property
    def ids(self):
        """Returns the ids of the accepted clicks, in order."""
        return [click for entry in self.accepted for click in entry.ids]

    @property
    def clicks(self):
        return [click for entry in self.accepted for click in entry.clicks]

    def sending(self):
        """Returns the calls that send clicks; those to STS are left out."""
        return [call for call in self.calls if call.service != "sts"]

    def listen(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.connections += 1
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        try:
            with client, client.makefile("rb") as reader:
                while self.exchange(client, reader):
                    pass
        except OSError:
            pass
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            self.broken.append(f"a call that cannot be read: {error!r}")
            raise
        finally:
            with self.lock:
                self.connections -= 1

    def exchange(self, client, reader):
        """Returns true if the connection stays open."""
        first = reader.readline()
        if not first:
            return False
        method, path, _ = first.decode("latin-1").split(" ", 2)
        headers = {}
        while (line := reader.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        body = reader.read(int(headers.get("content-length", 0)))
        answer = self.reply(Call(method, unquote(path), headers, body, time.monotonic()))
        if answer is None:
            return False
        status, more, media, body = answer
        head = {"Content-Type": media, "Content-Length": len(body), "x-amzn-RequestId": "fake", **more}
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        client.sendall(f"HTTP/1.1 {status} Status\r\n{lines}\r\n".encode() + body)
        return True

    def understand(self, call):
        """Returns the service that the request is for."""
        if target := call.headers.get("x-amz-target"):
            prefix, _, call.action = target.rpartition(".")
            call.document = json.loads(call.body)
        elif call.path.startswith("/2015-03-31/functions/"):
            prefix, call.action = "lambda", "Invoke"
            call.document = json.loads(call.body)
        else:
            # The names of a form need no decoding.
            pairs = (pair.partition("=") for pair in call.body.decode().split("&"))
            call.document = {name: unquote_plus(value) for name, _, value in pairs}
            prefix = call.action = call.document["Action"]
        call.service, service = self.services[prefix]
        call.entries = list(service.entries(call))
        return service

    def reply(self, call):
        """Returns status, headers, media type and body; None if the response is to be lost."""
        service = self.understand(call)
        groups = {(call.service, entry.group) for entry in call.entries if entry.dedup}
        with self.lock:
            self.calls.append(call)
            self.in_flight += 1
            call.beside = self.in_flight
            wrong = service.broken(call) or self.disorder(call, groups)
            self.groups_in_flight |= groups
            scripted = call.service != "sts"
            call.error = self.refusal(call) if scripted else self.deny_role
        if self.delay and scripted:
            time.sleep(self.delay)
        with self.lock:
            if wrong:
                self.broken.append(f"{call.service} {call.action}: {wrong}")
                call.error = Error("ValidationException", message=wrong)
            answer = self.settle(call, service)
            self.in_flight -= 1
            self.groups_in_flight -= groups
            if not self.keep:
                call.body, call.document = b"", {}
                for entry in call.entries:
                    entry.data, entry.sent, entry.attributes = b"", {}, {}
            return answer

    def refusal(self, call):
        if self.script:
            return self.script.pop(0)
        return self.refuse and self.refuse(call)

    def disorder(self, call, groups):
        """Describes how the call could reorder a group of a FIFO queue; None if it cannot."""
        if both := groups & self.groups_in_flight:
            return f"two requests with the group {both.pop()[1]} in flight"
        for entry in call.entries:
            held = self.held.get((call.service, entry.group))
            known = (call.service, entry.dedup) in self.taken
            if entry.dedup and held not in (None, entry.dedup) and not known:
                return f"{entry.dedup} overtook {held} in its group {entry.group}"
        return None

    def settle(self, call, service):
        """Accepts the entries without an error, and returns the response."""
        if call.action == "PutItem":
            call.error = call.error or service.refuse(call)
        if call.error and call.error is not LOST:
            self.hold(call, {at: call.error for at in range(len(call.entries))})
            return service.failure(call, call.error)
        failures = {}
        if self.decide and call.service != "sts" and call.error is not LOST:
            errors = {at: self.decide(call, entry) for at, entry in enumerate(call.entries)}
            failures = {at: error for at, error in errors.items() if error}
        if failures and call.action in ("PutItem", "SendMessage"):
            call.error = failures[0]
            return service.failure(call, call.error)
        self.hold(call, dict.fromkeys(range(len(call.entries)), LOST) if call.error is LOST else failures)
        if call.service != "sts":
            for at, entry in enumerate(call.entries):
                if at not in failures:
                    self.accept(call, entry)
        return None if call.error is LOST else service.success(call, failures)

    def hold(self, call, failures):
        """Notes for the entry's group that it must go on with this entry, if the entry failed temporarily."""
        for at, entry in enumerate(call.entries):
            if entry.dedup:
                error = failures.get(at)
                self.held[(call.service, entry.group)] = entry.dedup if error and error.passes else None

    def accept(self, call, entry):
        """Records an entry, unless it is a message that a FIFO queue already has."""
        if entry.dedup:
            if (call.service, entry.dedup) in self.taken:
                return
            self.taken.add((call.service, entry.dedup))
        if call.service == "dynamodb":
            self.dynamodb.accept(entry)
        self.accepted.append(entry)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def now_and_then(share, *errors, seed=7):
    """Returns a `decide` that fails this share of the entries, at random, with one of the errors."""
    chance = random.Random(seed)
    return lambda _call, _entry: chance.choice(errors) if chance.random() < share else None
