"""A function that dies in mid-file: the next one resumes, and only clicks after the last checkpoint may come twice."""

import gzip
import re
import signal
import time
from collections import Counter
from threading import Event

import pytest
from answer import log_lines
from events import BUCKET, FOLDER, dump, each_once, make_lines, s3_event, sqs_event, tags
from process import wait_until
from sink import Reply, Turnstile

KEY = FOLDER + "clicks"
EVENT = dump(sqs_event(s3_event(KEY)))
COUNT = 200
ONE_BY_ONE = {"HOOK_BODY": "single", "HOOK_CONCURRENCY": 4}


def running(lab, table, count=COUNT // 2):
    """Starts a function and returns it in mid-file, once the table says that some clicks are settled. It stays there:
    `count` more requests are answered, the next ones held.
    """
    before = len(table.settled(COUNT))
    lab.sink.respond = Turnstile(count)
    function = lab.forwarder(**ONE_BY_ONE, **table.variables)
    answer = function.invoke_async(EVENT)
    wait_until(lambda: len(table.settled(COUNT)) > before, "a cursor")
    return function, answer


def messages(function):
    return [line.get("message") for line in log_lines(function.output())]


def doubled(lab):
    return {tag for tag, times in Counter(tags(lab.sink.clicks)).items() if times > 1}


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_after_a_kill_only_what_was_not_written_down_comes_twice(lab, pack):
    lab.put(KEY, pack(make_lines(range(COUNT))))
    table = lab.table()
    function, answer = running(lab, table)
    before = len(lab.sink.accepted)
    lab.sink.respond.let(10)
    wait_until(lambda: len(lab.sink.accepted) >= before + 10, "ten more clicks")
    lab.kill(function)
    assert answer.result().failed
    settled = table.settled(COUNT)
    table.change(lease=1)
    lab.sink.respond = None

    assert lab.forwarder(**ONE_BY_ONE, **table.variables).invoke(EVENT).failures == []
    assert set(tags(lab.sink.clicks)) == set(each_once(COUNT)), "nothing is lost"
    assert settled and not doubled(lab) & settled
    assert len(doubled(lab)) < COUNT - len(settled)
    assert table.item["state"] == "done"


def test_the_clicks_that_come_twice_have_the_same_id_both_times(lab):
    """A receiver that deduplicates by id counts each click once, even after a kill."""
    lab.put(KEY, make_lines(range(COUNT)))
    table = lab.table()
    function, _ = running(lab, table)
    lab.kill(function)
    table.change(lease=1)
    lab.sink.respond = None
    lab.forwarder(**ONE_BY_ONE, **table.variables).invoke(EVENT)

    ids = {}
    for click in lab.sink.clicks:
        ids.setdefault(click["route"]["slashtag"], set()).add(click["id"])
    assert len(ids) == COUNT and all(len(of) == 1 for of in ids.values())


def test_until_the_lease_of_the_dead_runs_out_the_message_comes_back(lab):
    lab.put(KEY, make_lines(range(COUNT)))
    table = lab.table()
    function, _ = running(lab, table)
    lab.kill(function)
    second = lab.forwarder(**ONE_BY_ONE, **table.variables)
    started = time.monotonic()

    assert second.invoke(EVENT).failures == ["message-0"]
    assert not [request for request in lab.sink.requests if request.at > started]
    assert "object held by another invocation" in messages(second)
    lab.sink.respond = None
    table.change(lease=1)
    assert second.invoke(EVENT).failures == []
    assert set(tags(lab.sink.clicks)) == set(each_once(COUNT))


def test_killed_again_and_again_it_still_ends(lab):
    lab.put(KEY, make_lines(range(COUNT)))
    table = lab.table()
    epochs = []
    for _ in range(3):
        function, _ = running(lab, table, COUNT // 5)
        seen = len(lab.sink.accepted)
        lab.sink.respond.let(5)
        wait_until(lambda: len(lab.sink.accepted) >= seen + 5, "more clicks")
        lab.kill(function)
        epochs.append(table.item["epoch"])
        table.change(lease=1)
        lab.proxy.requests.clear()
    lab.sink.respond = None

    assert lab.forwarder(**ONE_BY_ONE, **table.variables).invoke(EVENT).failures == []
    assert set(tags(lab.sink.clicks)) == set(each_once(COUNT))
    assert epochs == sorted(set(epochs)), "each has an epoch of its own"


def test_who_slept_past_its_lease_writes_nothing_any_more(lab):
    """A frozen process resumes and assumes that it still holds the lease."""
    lab.put(KEY, make_lines(range(COUNT)))
    table = lab.table()
    sleeper, answer = running(lab, table)
    held = lab.sink.respond
    sleeper.process.send_signal(signal.SIGSTOP)
    table.change(lease=1)
    lab.sink.respond = None

    assert lab.forwarder(**ONE_BY_ONE, **table.variables).invoke(EVENT).failures == []
    item = table.item
    held.let(COUNT)
    sleeper.process.send_signal(signal.SIGCONT)
    answer.result()
    assert table.item == item and item["state"] == "done"
    assert set(tags(lab.sink.clicks)) == set(each_once(COUNT))


def test_the_command_line_goes_on_where_it_was_killed(lab, tmp_path):
    lab.put(KEY, make_lines(range(COUNT)))
    words = ("forward", "--progress", tmp_path / "progress", f"s3://{BUCKET}/{KEY}")
    lab.sink.respond = Turnstile(COUNT * 3 // 4)
    first = lab.spawn(*map(str, words), **ONE_BY_ONE)
    settled = lambda: [int(offset) for offset in re.findall(r'"settled":(\d+)', (tmp_path / "progress").read_text())]
    wait_until(lambda: len(lab.sink.accepted) >= COUNT * 3 // 4 and settled(), "three quarters of the clicks, and a checkpoint")
    first.kill()
    first.wait()
    lab.sink.respond = None
    second = lab.command(*map(str, words), **ONE_BY_ONE)

    assert second.returncode == 0, second.stderr.decode()
    assert set(tags(lab.sink.clicks)) == set(each_once(COUNT))
    assert len(lab.sink.clicks) < COUNT + COUNT * 3 // 4, "not from the start"
    count = len(lab.sink.requests)
    third = lab.command(*map(str, words), **ONE_BY_ONE)
    assert third.returncode == 0 and len(lab.sink.requests) == count, third.stderr.decode()


def test_an_interrupted_command_doubles_nothing(lab, tmp_path):
    """Ctrl-C lets it await the requests in flight and write a checkpoint."""
    (tmp_path / "clicks.json").write_bytes(make_lines(range(COUNT)))
    words = ("forward", "--progress", str(tmp_path / "progress"), str(tmp_path / "clicks.json"))
    lab.sink.respond = lambda _: Reply(delay=0.05)
    first = lab.spawn(*words, **ONE_BY_ONE)
    wait_until(lambda: len(lab.sink.accepted) >= 20, "some clicks")
    first.send_signal(signal.SIGINT)
    assert first.wait(120) != 0
    lab.sink.respond = None

    assert lab.command(*words, **ONE_BY_ONE).returncode == 0
    assert set(tags(lab.sink.clicks)) == set(each_once(COUNT)), "nothing is lost"
    assert not doubled(lab)


def test_a_second_command_on_the_same_progress_is_refused(lab, tmp_path):
    (tmp_path / "clicks.json").write_bytes(make_lines(range(3)))
    words = ("forward", "--progress", str(tmp_path / "progress"), str(tmp_path / "clicks.json"))
    go = Event()
    lab.sink.respond = lambda _: Reply(after=go)
    first = lab.spawn(*words)
    wait_until(lambda: lab.sink.requests, "the first request")
    second = lab.command(*words)
    go.set()

    assert second.returncode == 2 and b"progress" in second.stderr
    assert first.wait(120) == 0
    assert Counter(tags(lab.sink.clicks)) == each_once(3)
