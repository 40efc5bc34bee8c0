#!/usr/bin/env python3
"""Runs the Lambda binary on one event, as AWS would, and prints its output: `make invoke EVENT=events/sqs.json`.

The binary runs under AWS's Runtime Interface Emulator. It reads objects from events/objects in place of S3 and
writes the clicks to its own output. The caller's variables take precedence, so that a target can be tried:

    TARGETS=hook HOOK_KIND=http HOOK_URL=http://127.0.0.1:8000/ make invoke EVENT=events/sqs.json
"""

import json
import os
import sys
from pathlib import Path

from rie import Emulated

DEFAULTS = {
    "AWS_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "STORE": "events/objects",
}
OUT = {"TARGETS": "out", "OUT_KIND": "stdout"}


def variables(caller):
    """Merges the caller's variables with defaults. There is no quarantine: bad records are only logged."""
    return {**DEFAULTS, **({} if "TARGETS" in caller else OUT), **caller}


def main(arguments):
    if len(arguments) != 1:
        sys.exit("usage: invoke.py EVENT.json, one of:\n" + "\n".join(sorted(map(str, Path("events").glob("*.json")))))
    event = Path(arguments[0])
    if not event.is_file():
        sys.exit(f"{event} is not a file; the repository's own events are events/*.json")
    try:
        function = Emulated(variables(dict(os.environ)))
    except (RuntimeError, FileNotFoundError) as error:
        sys.exit(str(error))
    try:
        answer = function.invoke(event.read_bytes())
    finally:
        function.close()
    print(f"\nanswer to {event}:", flush=True)
    try:
        print(json.dumps(answer.json, indent=2, ensure_ascii=False))
    except ValueError:
        print(answer.body.decode(errors="replace"))
    sys.exit(1 if answer.failed else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
