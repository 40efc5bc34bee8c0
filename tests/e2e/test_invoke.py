"""`make invoke`: one event, with nothing but this repository."""

import json
import os
import subprocess
import sys

import pytest
from events import EVENTS
from process import ROOT, require, FORWARDER

COUNTS = {"sqs": 5, "eventbridge": 2, "batch-1.0": 2, "replay-list": 6, "sqs-test-event": 0}


def invoke(event):
    plain = {name: value for name, value in os.environ.items() if name in ("PATH", "FORWARDER_BIN", "HOME")}
    command = [sys.executable, str(ROOT / "tests/e2e/invoke.py"), str(event)]
    return subprocess.run(command, env=plain, cwd=ROOT, capture_output=True, text=True, timeout=120)


def clicks_of(output):
    lines = [line for line in output.splitlines() if line.startswith('{"')]
    return [document for document in map(json.loads, lines) if "route" in document]


@pytest.mark.parametrize(("name", "count"), COUNTS.items())
def test_the_clicks_and_the_answer_are_shown(name, count):
    run = invoke(EVENTS / f"{name}.json")

    assert run.returncode == 0, run.stdout + run.stderr
    assert len(clicks_of(run.stdout)) == count
    assert f"answer to {EVENTS / name}.json" in run.stdout


def test_an_event_of_no_known_shape_ends_with_an_error(tmp_path):
    require(FORWARDER)
    event = tmp_path / "unknown.json"
    event.write_text('{"hello":"world"}')
    run = invoke(event)

    assert run.returncode == 1 and "errorType" in run.stdout


def test_a_file_that_is_not_there_is_told():
    run = invoke("events/nothing.json")

    assert run.returncode != 0 and "events/*.json" in run.stderr
