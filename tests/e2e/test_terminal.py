"""What a person sees on a terminal, and what becomes of a run whose standard error nobody reads."""

import os
import re
import signal
import subprocess
from contextlib import closing
from threading import Event

import pytest

from events import make_small_lines
from process import CLICKSTREAM, ROOT, require
from sink import Reply
from terminal import Terminal

BAR = re.compile(r"[\d.]+ [KM]iB/[\d.]+ MiB  [\d.]+ [KM]?i?B/s  \S.* left")


@pytest.fixture
def large(tmp_path):
    """A file of 10 MB with one bad record."""
    path = tmp_path / "large.json"
    path.write_bytes(make_small_lines(range(100)) + b"bad\n" + make_small_lines(range(35_000)))
    return path


def held(lab):
    """Lets the endpoint hold all requests until the event is set."""
    answers = Event()
    lab.sink.respond = lambda _: Reply(after=answers)
    return answers


@pytest.mark.parametrize("stdout", [subprocess.DEVNULL, None], ids=["redirected", "terminal"])
def test_the_progress_of_one_large_file_is_shown_by_bytes_with_rate_and_time_left(lab, large, stdout):
    answers = held(lab)
    with closing(Terminal(["forward", str(large)], lab.settings(), stdout)) as terminal:
        terminal.wait_for(BAR)
        answers.set()
        assert terminal.wait() == 0, terminal.screen

    end = terminal.screen.rsplit("\r", 3)
    assert "1 object, 35101 records (1 bad)" in terminal.screen
    assert not BAR.search(end[-1]), "the bar is taken away"


def test_no_bar_is_drawn_into_clicks_on_the_terminal(lab, large):
    alone = lab.settings(TARGETS=None, HOOK_KIND=None, HOOK_URL=None, QUARANTINE=None)
    with closing(Terminal(["forward", str(large)], alone)) as terminal:
        assert terminal.wait() == 0

    assert not BAR.search(terminal.screen) and "MiB/s" not in terminal.screen


def test_log_lines_stand_above_the_bar(lab, large):
    answers = held(lab)
    with closing(Terminal(["forward", str(large)], lab.settings(QUARANTINE=None))) as terminal:
        terminal.wait_for(re.compile("WARN quarantined"))
        terminal.wait_for(BAR)
        answers.set()
        assert terminal.wait() == 0, terminal.screen

    line = next(line for line in terminal.screen.split("\n") if "WARN quarantined" in line)
    shown = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", line).strip("\r").rsplit("\r", 1)[-1]
    assert re.fullmatch(r'\s?WARN quarantined object="\S+" kind="record" .*reason="[^"]*"', shown), repr(line)


def test_an_outage_is_told_once_when_it_begins_and_once_when_it_ends(lab, large):
    statuses = iter([503] * 4)
    lab.sink.respond = lambda _: Reply(next(statuses, 200))
    usual = lab.command("forward", str(large), HOOK_CONCURRENCY="1").stderr.decode()

    assert usual.count("hook is down: HTTP 503") == 1, usual
    assert len(re.findall(r"hook is back after \d+ s", usual)) == 1, usual
    assert "target failed, waiting" not in usual

    statuses = iter([503] * 4)
    verbose = lab.command("forward", "-v", str(large), HOOK_CONCURRENCY="1", HOOK_BEARER="t-secret").stderr.decode()
    assert verbose.count("DEBUG target failed, waiting") == 4, verbose
    assert "DEBUG request answered" in verbose and "DEBUG object opened" in verbose
    assert "t-secret" not in verbose and "slashtag" not in verbose


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_says_how_to_go_on_and_goes_on(lab, large, tmp_path, number, code):
    answers, arguments = held(lab), ["forward", "--progress", str(tmp_path / "done.jsonl"), str(large)]
    with closing(Terminal(arguments, lab.settings())) as terminal:
        terminal.wait_for(BAR)
        terminal.process.send_signal(number)
        terminal.wait_for(re.compile("stopping; press Ctrl-C again"))
        answers.set()
        assert terminal.wait() == code, terminal.screen

    assert f"to go on: clickstream forward --progress {tmp_path}/done.jsonl {large}" in terminal.screen
    again = lab.command(*arguments)
    assert again.returncode == 0 and b"more by earlier runs" in again.stderr
    ids = [click["id"] for click in lab.sink.clicks]
    assert len(ids) == len(set(ids)) == 35_100


def test_an_interrupted_run_that_remembers_nothing_names_progress(lab, large):
    answers = held(lab)
    with closing(Terminal(["forward", str(large)], lab.settings())) as terminal:
        terminal.wait_for(BAR)
        terminal.process.send_signal(signal.SIGINT)
        terminal.wait_for(re.compile("stopping"))
        answers.set()
        assert terminal.wait() == 130, terminal.screen

    assert f"clickstream forward --progress done.jsonl {large}" in terminal.screen


def test_a_full_pipe_that_does_not_block_ends_nothing(lab, large):
    reader, writer = os.pipe2(os.O_NONBLOCK)
    try:
        with pytest.raises(BlockingIOError):
            while True:
                os.write(writer, b"x" * 4096)
        run = subprocess.run(
            [require(CLICKSTREAM), "forward", str(large)], env=lab.settings(QUARANTINE=None), cwd=ROOT, stderr=writer, timeout=120
        )
    finally:
        os.close(reader)
        os.close(writer)

    assert run.returncode == 0 and len(lab.sink.clicks) == 35_100
