"""Click files to normalised JSON lines, the whole body at once, with Python's own json: the usual handler.

    python json_body.py FILE > clicks.jsonl

It does what most functions on S3 events do: `body = object.read()`, `body.decode().splitlines()` and
`json.loads` on each. The clicks come out in the project's form `click`, with the same ids, written one by
one, so that only the body and its lines are held.

What it does not do: what `orjson_stream.py` does not, and stream: its memory grows with the file. It does
not know offsets. `splitlines` also ends a line at characters that JSON allows within a string, such as
U+2028; such a click is counted as bad.
"""

import gzip
import hashlib
import json
import os
import sys
import uuid
from datetime import UTC, datetime

CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def utc(time: str) -> str:
    """The time in UTC; one without a zone is UTC already."""
    if time.endswith("Z"):
        return time
    if "+" in time[19:] or "-" in time[19:]:
        return datetime.fromisoformat(time).astimezone(UTC).isoformat().replace("+00:00", "Z")
    return time + "Z"


def normalise(click: dict) -> None:
    """Brings Rebrandly's spellings into one."""
    route = click["route"]
    click["timestamp"] = utc(click["timestamp"])
    if "createdAt" in route:
        route["createdAt"] = utc(route["createdAt"])
    client = click.get("client") or {}
    if geo := client.pop("geo", None):
        client["location"] = geo | (client.get("location") or {})
    location, session = client.get("location"), client.get("session")
    if location and len(location.get("country") or "") == 2:
        location["country"] = location["country"].upper()
    if session and "started" in session:
        session["started"] = utc(session["started"])


def click_id(click: dict) -> str:
    """A UUID of version 8 out of the click's contents."""
    bits = bytearray(hashlib.sha256(CANONICAL.encode(click).encode()).digest()[:16])
    bits[6] = bits[6] & 0x0F | 0x80
    bits[8] = bits[8] & 0x3F | 0x80
    return str(uuid.UUID(bytes=bytes(bits)))


def main(path: str) -> None:
    """Writes the clicks of the file at `path` to standard output."""
    with open(path, "rb") as file:
        body = file.read()
    if body[:2] == b"\x1f\x8b":
        body = gzip.decompress(body)
    key, bad = os.path.basename(path), 0
    for index, line in enumerate(body.decode().splitlines()):
        try:
            click = json.loads(line)
            normalise(click)
        except (ValueError, KeyError, TypeError, AttributeError):
            bad += 1
            continue
        source = {"bucket": "", "key": path, "index": index}
        click = {"id": click_id(click), "source": source, "key": key, **click}
        sys.stdout.write(json.dumps(click) + "\n")
    if bad:
        print(f"{bad} bad lines", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1])
