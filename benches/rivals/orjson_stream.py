"""Click files to normalised JSON lines, streaming, with orjson: the fastest plain Python one would write.

    python orjson_stream.py FILE > clicks.jsonl

As the project's form `click`: `client.geo` becomes `client.location`, countries in upper case, times in
UTC, and `id`, `source` and `key` are added; the ids are the same ones. It streams, plain or gzip.

What it does not do: other layouts than one click a line; keep bad lines (it counts them); keep a `geo`
that contradicts `location`; move an incoming `id`, `source` or `key` aside; keep the digits of numbers and
the escapes of strings as they came; tell identical clicks of one file apart; send anywhere, retry, remember.
"""

import gzip
import hashlib
import io
import os
import sys
from datetime import UTC, datetime

import orjson


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
    text = hashlib.sha256(orjson.dumps(click, option=orjson.OPT_SORT_KEYS)).hexdigest()
    variant = "89ab"[int(text[16], 16) & 3]
    return f"{text[:8]}-{text[8:12]}-8{text[13:16]}-{variant}{text[17:20]}-{text[20:32]}"


def lines(path: str) -> io.BufferedReader:
    """The lines of a file, inflated if it is gzip."""
    file = open(path, "rb", buffering=1 << 18)
    if file.peek(2)[:2] != b"\x1f\x8b":
        return file
    return io.BufferedReader(gzip.GzipFile(fileobj=file), 1 << 18)


def main(path: str) -> None:
    """Writes the clicks of the file at `path` to standard output."""
    out = open(1, "wb", buffering=1 << 18, closefd=False)
    key, offset, bad = os.path.basename(path), 0, 0
    for index, line in enumerate(lines(path)):
        source = {"bucket": "", "key": path, "offset": offset, "index": index}
        offset += len(line)
        try:
            click = orjson.loads(line)
            normalise(click)
        except (ValueError, KeyError, TypeError, AttributeError):
            bad += 1
            continue
        click = {"id": click_id(click), "source": source, "key": key, **click}
        out.write(orjson.dumps(click, option=orjson.OPT_APPEND_NEWLINE))
    out.flush()
    if bad:
        print(f"{bad} bad lines", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1])
