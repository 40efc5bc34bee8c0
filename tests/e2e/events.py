"""The repository's own events and objects, and events made for one test."""

import copy
import gzip
import hashlib
import json
import uuid
from collections import Counter
from itertools import accumulate
from urllib.parse import quote_plus

from process import ROOT

EVENTS = ROOT / "events"
BUCKET = "rebrandly-clicks"
FOLDER = "/2026/11/21/23/"
ONE = FOLDER + "rb-clicks-stream-1-2026-11-21-23-54-50-7c0f6a52-2b1e-4f0e-9d53-8a1c7f2e4b60"
LINES = FOLDER + "rb-clicks-stream-1-2026-11-21-23-55-52-e3b5a9d4-61c7-4c2a-b0fd-5f94d2a7c813"
GZIPPED = FOLDER + "rb-clicks-stream-1-2026-11-21-23-57-03-19d84f7b-a0e6-4b35-8c41-3e6b50f9d27a"
UNICODE = FOLDER + "campaña +1.json"
# The version id of each object in the events; tests replace it by the one that their emulator assigned.
VERSIONS = {
    ONE: "Xq7vN2mTgR0cYw5LkB9sDe3HfJ1uPz8A",
    LINES: "m4KcZ8rWbT1xQy6NvE0pLh3GjS7dUf2B",
    GZIPPED: "tR9sVw2FnJ6bHc0MqY5kXd8PzL3gEa1C",
    UNICODE: "pB5hGy1UeK7zTj4RwN0vSc9XmQ2fLd6D",
}


def contents(key):
    """Returns the bytes of one of the repository's objects."""
    return (EVENTS / "objects" / BUCKET / key.lstrip("/")).read_bytes()


def clicks_in(key):
    """Returns the object's clicks as delivered, parsed without the program."""
    data = contents(key)
    text = (gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data).decode()
    return json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.splitlines()]


def base_name(key):
    return key.rpartition("/")[2]


def webhook_form(click):
    """Returns the webhook form of a delivered click without its id: `geo` and `location` both stand."""
    click = copy.deepcopy(click)
    client = click.get("client", {})
    for have, miss in (("location", "geo"), ("geo", "location")):
        if have in client and miss not in client:
            client[miss] = client[have]
    return click


def without_ids(clicks):
    return [{name: value for name, value in click.items() if name != "id"} for click in clicks]


def make_click(serial):
    """Makes a click with a unique slashtag."""
    return {
        "timestamp": f"2026-11-21T23:{serial // 60000 % 60:02}:{serial // 1000 % 60:02}.{serial % 1000:03}Z",
        "client": {
            "language": "en",
            "location": {"country": "us"},
            "agent": {"type": "human", "browser": {"name": "chrome", "version": "131.0.0.0"}, "os": {"name": "windows"}},
            "session": {"started": "2026-11-21T22:59:59.000Z", "first": serial % 2 == 0},
        },
        "referral": {"hostname": "www.example.org", "protocol": "https", "path": "/", "origin": {"type": "website"}},
        "route": {
            "id": "5f2b0c6e8d1a4c3b9e7f6a5d4c3b2a10",
            "slashtag": f"tag-{serial}",
            "domain": {"id": "0a1b2c3d4e5f60718293a4b5c6d7e8f9", "raw": "go.example.com"},
            "destination": {"raw": "https://shop.example.com/", "protocol": "https", "hostname": "shop.example.com", "path": "/"},
        },
    }


def make_lines(serials):
    return "".join(json.dumps(make_click(serial), separators=(",", ":")) + "\n" for serial in serials).encode()


def make_small_click(serial, links=50):
    """Makes a click of about 300 bytes on one of `links` links."""
    return {
        "timestamp": f"2026-11-21T23:{serial // 60000 % 60:02}:{serial // 1000 % 60:02}.{serial % 1000:03}Z",
        "client": {"location": {"country": "us"}, "agent": {"type": "human"}, "session": {"first": serial % 2 == 0}},
        "route": {
            "id": f"link-{serial % links}",
            "slashtag": f"tag-{serial}",
            "creator": {"workspace": {"id": f"workspace-{serial % 3}"}},
            "domain": {"raw": "go.example.com"},
        },
    }


def make_small_lines(serials, links=50):
    return "".join(json.dumps(make_small_click(serial, links), separators=(",", ":")) + "\n" for serial in serials).encode()


def offsets(count):
    """Returns the byte offset of each line of `make_lines(range(count))`."""
    lengths = [len(make_lines([serial])) for serial in range(count)]
    return [0, *accumulate(lengths)][:count]


def tags(clicks):
    return [click["route"]["slashtag"] for click in clicks]


def each_once(count):
    """Returns the tags that `count` clicks must arrive with, each once."""
    return Counter(f"tag-{serial}" for serial in range(count))


def dump(document):
    """Serialises an event as AWS does: compact, in UTF-8."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def s3_event(*keys, bucket=BUCKET, versions=None):
    """Makes the S3 notification of these objects, with form-encoded keys in which `/` stays."""
    records = []
    for key in keys:
        item = {"key": quote_plus(key, safe="/"), "size": 1063, "eTag": "d41d8cd98f00b204e9800998ecf8427e"}
        if version := (versions or {}).get(key):
            item["versionId"] = version
        records.append(
            {
                "eventVersion": "2.5",
                "eventSource": "aws:s3",
                "awsRegion": "eu-west-1",
                "eventTime": "2026-11-21T23:56:07.244Z",
                "eventName": "ObjectCreated:Put",
                "s3": {"s3SchemaVersion": "1.0", "bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"}, "object": item},
            }
        )
    return {"Records": records}


def event_bridge(key, bucket=BUCKET):
    """Makes EventBridge's event of an object; its key is not encoded."""
    detail = {"version": "0", "bucket": {"name": bucket}, "object": {"key": key, "size": 1063}, "reason": "PutObject"}
    return {"version": "0", "id": str(uuid.uuid4()), "detail-type": "Object Created", "source": "aws.s3", "detail": detail}


def sqs_event(*bodies, first=0, receives=1):
    """Makes the SQS event of these bodies; message n has the id `message-n`, counted from `first`."""
    records = []
    for number, body in enumerate(bodies, first):
        text = body if isinstance(body, str) else dump(body).decode()
        records.append(
            {
                "messageId": f"message-{number}",
                "receiptHandle": "handle",
                "body": text,
                "attributes": {"ApproximateReceiveCount": str(receives), "SentTimestamp": "1795305368000"},
                "messageAttributes": {},
                "md5OfBody": hashlib.md5(text.encode()).hexdigest(),
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:rebrandly-clicks",
                "awsRegion": "eu-west-1",
            }
        )
    return {"Records": records}


def batch_event(key, bucket=BUCKET, version=None):
    task = {"taskId": "task-1", "s3Key": quote_plus(key, safe="/"), "s3VersionId": version, "s3BucketArn": f"arn:aws:s3:::{bucket}"}
    return {"invocationSchemaVersion": "1.0", "invocationId": "invocation-1", "job": {"id": "job-1"}, "tasks": [task]}
