"""Malformed files cause no crash and no silent loss, and their neighbours arrive."""

import gzip

import pytest
from answer import audit_lines
from events import FOLDER, dump, make_lines, s3_event, sqs_event, tags

KEY = FOLDER + "clicks"
ONE, TWO = make_lines([1]), make_lines([2])
CASES = {
    # name: contents, clicks that arrive, kinds of the rows
    "gzip cut short": (gzip.compress(ONE + TWO)[:-12], ["tag-1"], ["object"]),
    "gzip of gzip": (gzip.compress(gzip.compress(ONE)), [], ["object"]),
    "a gzip stream after another": (gzip.compress(ONE) + gzip.compress(TWO), ["tag-1", "tag-2"], []),
    "a gzip bomb": (gzip.compress(bytes(64 * 1024 * 1024)), [], ["object"]),
    "NUL bytes": (ONE + b"\0\0\0\n" + TWO, ["tag-1", "tag-2"], ["record"]),
    "HTML": (b"<!DOCTYPE html>\n<html><body>gone</body></html>\n", [], None),
    "null": (b"null", [], ["record"]),
    "deep nesting": (b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"\n" + ONE, ["tag-1"], ["record"]),
    "a line of 50 MB": (b'{"timestamp":"' + b"x" * 50_000_000 + b'"}\n' + ONE, ["tag-1"], ["record"]),
    "a string left open": (b'{"timestamp":"2026\n' + ONE, ["tag-1"], ["record"]),
    "a lone surrogate": (ONE.replace(b"www.example.org", b"\\ud800"), ["tag-1"], []),
    "a number beyond 64 bits": (ONE.replace(b'"first":false', b'"first":123456789012345678901234567890.5e99'), ["tag-1"], []),
    "no line feeds": (ONE.strip() + TWO.strip(), ["tag-1", "tag-2"], []),
    "commas": (ONE.strip() + b"," + TWO.strip() + b",", ["tag-1", "tag-2"], []),
    "an envelope": (b'{"data":[' + ONE.strip() + b"," + TWO.strip() + b'],"key":"k"}', ["tag-1", "tag-2"], []),
}


@pytest.mark.parametrize(("body", "arriving", "kinds"), CASES.values(), ids=CASES.keys())
def test_what_is_good_arrives_and_what_is_bad_is_kept(lab, body, arriving, kinds):
    lab.put(KEY, body)
    function = lab.forwarder()

    assert function.invoke(dump(sqs_event(s3_event(KEY)))).failures == []

    assert tags(lab.sink.clicks) == arriving
    rows = lab.quarantined()
    assert rows if kinds is None else [row["kind"] for row in rows] == kinds
    assert all(row["reason"] and row["source"]["key"] == KEY for row in rows)
    [line] = audit_lines(function.output())
    assert line["sent"] == len(arriving)
    assert function.peak_memory() < 100 * 1024 * 1024


def test_a_number_keeps_its_digits_on_the_way(lab):
    digits = b"123456789012345678901234567890.50e+09"
    lab.put(KEY, ONE.replace(b'"first":false', b'"first":' + digits))
    lab.forwarder().invoke(dump(sqs_event(s3_event(KEY))))

    assert digits in lab.sink.requests[0].body
