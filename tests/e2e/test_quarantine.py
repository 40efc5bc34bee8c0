"""Records that cannot be forwarded are kept in the quarantine once, and can be replayed from there."""

import base64
import gzip
import json

import pytest
from answer import audit_lines
from events import BUCKET, FOLDER, dump, make_click, make_lines, s3_event, sqs_event, tags
from proxy import Fault
from sink import Reply

KEY = FOLDER + "clicks"
BROKEN = b'{"timestamp":"2026-11-21T23:00:00Z","route":{"slashtag":"lost"'


def event():
    return dump(sqs_event(s3_event(KEY)))


def test_a_bad_line_does_not_break_its_neighbours(lab):
    good = make_lines([1])
    version = lab.put(KEY, good + BROKEN + b"\n" + make_lines([2]))

    assert lab.forwarder().invoke(event()).failures == []

    assert tags(lab.sink.clicks) == ["tag-1", "tag-2"]
    [(key, [row])] = lab.quarantine().items()
    assert key.startswith("quarantine/")
    assert (row["kind"], row["source"]["bucket"], row["source"]["key"]) == ("record", BUCKET, KEY)
    assert (row["source"]["offset"], row["source"]["index"]) == (len(good), 1)
    assert row["source"].get("version") in (None, version)
    assert row["raw"].encode().strip() == BROKEN and row["reason"]


def test_the_same_event_again_stores_no_second_row(lab):
    lab.put(KEY, make_lines([1]) + BROKEN + b"\n" + make_lines([2]) + b"null\n")
    function = lab.forwarder()
    function.invoke(event())
    once = lab.quarantine()
    function.invoke(event())
    lab.forwarder().invoke(event())

    assert len(lab.quarantined()) == 2
    assert lab.quarantine() == once


def test_rows_of_a_run_that_broke_off_do_not_hide_those_of_the_next(lab):
    """Both runs reach the first bad record; only the second reaches the other."""
    lab.put(KEY, BROKEN + b"\n" + make_lines(range(2000)) + BROKEN + b"\n" + make_lines([2000]))
    lab.proxy.faults += [Fault(KEY, cut_after=300_000), Fault(KEY, times=None, cut_after=0)]
    function = lab.forwarder()

    assert function.invoke(event()).failures == ["message-0"]
    lab.proxy.faults.clear()
    assert function.invoke(event()).failures == []
    assert {row["source"]["index"] for row in lab.quarantined()} == {0, 2001}


def test_rows_of_an_object_that_was_replaced_are_kept_though_it_begins_alike(lab):
    function = lab.forwarder()
    for body in (BROKEN + b"\n" + make_lines([1]), BROKEN + b"\n" + make_lines([1]) + BROKEN + b"\n" + make_lines([2])):
        lab.put(KEY, body)
        assert function.invoke(event()).failures == []

    assert {row["source"]["index"] for row in lab.quarantined()} == {0, 2}


def test_bytes_that_are_no_text_are_kept_as_they_are(lab):
    line = b'{"timestamp":"2026-11-21T23:00:00Z","route":{"slashtag":"\xff\xfe"}}'
    lab.put(KEY, line + b"\n" + make_lines([1]))

    assert lab.forwarder().invoke(event()).failures == []

    [row] = lab.quarantined()
    assert base64.b64decode(row["raw_base64"]).strip() == line
    assert tags(lab.sink.clicks) == ["tag-1"]


def test_json_that_is_no_click_is_quarantined_with_a_reason(lab):
    lab.put(KEY, b'null\n7\n"text"\n{"timestamp":"2026-11-21T23:00:00Z"}\n{"route":{},"timestamp":"yesterday"}\n' + make_lines([1]))

    assert lab.forwarder().invoke(event()).failures == []

    rows = lab.quarantined()
    assert len(rows) == 5 and all(row["reason"] for row in rows)
    assert tags(lab.sink.clicks) == ["tag-1"]


def test_truncated_gzip_delivers_what_is_whole_and_keeps_a_row_for_the_rest(lab):
    packed = gzip.compress(make_lines(range(500)))
    lab.put(KEY, packed[: len(packed) // 2])

    assert lab.forwarder().invoke(event()).failures == [], "the same bytes will not get better"

    arrived = tags(lab.sink.clicks)
    assert arrived and arrived == [f"tag-{serial}" for serial in range(len(arrived))]
    assert [row["kind"] for row in lab.quarantined()].count("object") == 1


def test_a_click_that_the_target_rejects_is_quarantined_alone(lab):
    lab.put(KEY, make_lines(range(8)))
    lab.sink.respond = lambda request: Reply(422 if b'"tag-5"' in request.body else 200, body=b"no fives")

    function = lab.forwarder()
    assert function.invoke(event()).failures == []

    assert sorted(tags(lab.sink.clicks)) == [f"tag-{serial}" for serial in range(8) if serial != 5]
    [row] = lab.quarantined()
    assert (row["kind"], row["target"], row["source"]["index"]) == ("rejected", "hook", 5)
    assert "tag-5" in row["raw"] and "422" in row["reason"]
    [line] = audit_lines(function.output())
    assert (line["read"], line["sent"], line["quarantined"]) == (8, 7, 1)


@pytest.mark.parametrize("clicks", [1, 5, 19, 30, 300])
def test_an_endpoint_that_refuses_everything_is_wrong_itself(lab, clicks):
    lab.put(KEY, make_lines(range(clicks)))
    lab.sink.respond = lambda _: Reply(400)
    function = lab.forwarder()

    assert function.invoke(event()).failures == ["message-0"]
    assert lab.quarantine() == {}
    assert "it refuses everything" in function.output()
    assert len(lab.sink.requests) <= 106

    lab.sink.respond = None
    assert function.invoke(event()).failures == []
    assert lab.quarantine() == {}


def test_bad_clicks_at_the_head_of_a_file_hold_up_no_good_ones(lab):
    lab.put(KEY, make_lines(range(300)))
    bad = [f'"tag-{serial}"'.encode() for serial in range(20)]
    lab.sink.respond = lambda request: Reply(422 if any(tag in request.body for tag in bad) else 200)

    assert lab.forwarder(HOOK_CONCURRENCY=1).invoke(event()).failures == []
    assert sorted(tags(lab.sink.clicks)) == sorted(f"tag-{serial}" for serial in range(20, 300))
    assert len(lab.quarantined()) == 20


def test_without_a_quarantine_the_log_tells_where_and_why_but_not_what(lab):
    lab.put(KEY, make_lines([1]) + BROKEN + b"\n" + make_lines([2]))
    function = lab.forwarder(QUARANTINE=None)

    assert function.invoke(event()).failures == []
    assert "clicks" in function.output() and '"lost"' not in function.output()
    assert [line["quarantined"] for line in audit_lines(function.output())] == [1]


def test_rows_fed_back_arrive_with_the_ids_they_would_have_had(lab):
    """The target was misconfigured for a while; the clicks that it refused are replayed from the quarantine."""
    lab.put(KEY, make_lines(range(8)))
    lab.sink.respond = lambda request: Reply(422 if b'"tag-5"' in request.body else 200)
    lab.forwarder().invoke(event())
    lab.sink.respond = None
    [(stored, _)] = lab.quarantine().items()
    body = lab.s3.get_object(Bucket="rebrandly-quarantine", Key=stored)["Body"].read()
    lab.put("/replay/rows", body)

    assert lab.forwarder().invoke(dump(sqs_event(s3_event("/replay/rows")))).failures == []
    replayed = lab.sink.accepted[-1].clicks
    assert tags(replayed) == ["tag-5"]

    before = len(lab.sink.requests)
    lab.forwarder().invoke(event())
    [again] = [click for request in lab.sink.requests[before:] for click in request.clicks if tags([click]) == ["tag-5"]]
    assert again["id"] == replayed[0]["id"]


def test_a_row_fed_back_goes_where_it_was_to_go_whatever_the_rules_become(lab):
    """A filter that has changed holds nothing back."""
    lab.put(KEY, make_lines(range(8)))
    lab.sink.respond = lambda request: Reply(422 if b'"tag-5"' in request.body else 200)
    rules = {"HOOK_SLASHTAGS": "tag-*"}
    function = lab.forwarder(**rules)
    assert function.invoke(event()).failures == []
    [row] = lab.quarantined()
    assert (row["clickstream_quarantine"], row["applied"]) == (2, {"filters": True, "privacy": False})
    refused = next(request for request in lab.sink.requests if tags(request.clicks) == ["tag-5"]).clicks
    assert row["click_id"] == refused[0]["id"]
    assert json.loads(row["raw"]) == make_click(5)

    lab.sink.respond = None
    [stored] = lab.quarantine()
    lab.put("/replay/rows", lab.s3.get_object(Bucket="rebrandly-quarantine", Key=stored)["Body"].read())
    before = len(lab.sink.requests)
    changed = lab.forwarder(**{**rules, "HOOK_SLASHTAGS": "!tag-5"})
    assert changed.invoke(dump(sqs_event(s3_event("/replay/rows")))).failures == []
    [fed] = [click for request in lab.sink.requests[before:] for click in request.clicks]
    assert fed == refused[0]

    run = lab.command("forward", f"s3://rebrandly-quarantine/{stored}", **rules)
    assert run.returncode == 0, run.stderr.decode()
    assert lab.sink.accepted[-1].clicks == [fed]


def test_a_quarantine_that_cannot_be_written_fails_the_job(lab):
    """Acknowledging a file whose bad line is stored nowhere would be a silent loss."""
    lab.put(KEY, make_lines([1]) + BROKEN + b"\n" + make_lines([2]))

    answer = lab.forwarder(QUARANTINE="s3://no-such-bucket/quarantine/").invoke(event())

    assert answer.failures == ["message-0"]
