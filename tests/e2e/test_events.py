"""The events of the repository are what AWS would send for the objects beside them."""

import hashlib
import json

import pytest
from events import EVENTS, VERSIONS, clicks_in, contents

NAMES = sorted(path.stem for path in EVENTS.glob("*.json"))


def nested(value):
    """Yields every object of an event, including the events nested in its strings."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = json.loads(value)
        except ValueError:
            return
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from nested(item)


@pytest.mark.parametrize("name", NAMES)
def test_sizes_tags_and_versions_are_those_of_the_objects(name):
    by_version = {version: key for key, version in VERSIONS.items()}
    for item in nested(json.loads((EVENTS / f"{name}.json").read_text())):
        if "sequencer" in item:
            body = contents(by_version[item.get("versionId") or item["version-id"]])
            assert item["size"] == len(body)
            assert (item.get("eTag") or item["etag"]) == hashlib.md5(body).hexdigest()


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("sqs")])
def test_queue_messages_have_their_digest(name):
    for record in json.loads((EVENTS / f"{name}.json").read_text())["Records"]:
        assert record["md5OfBody"] == hashlib.md5(record["body"].encode()).hexdigest()


def test_no_click_stands_twice_in_the_objects():
    moments = [click["timestamp"] for key in VERSIONS for click in clicks_in(key)]
    assert len(set(moments)) == len(moments) == 11
