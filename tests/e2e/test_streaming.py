"""Large objects and broken connections: memory stays flat, and every click arrives exactly once."""

import gzip
import re
from collections import Counter

import pytest
from answer import audit_lines
from events import FOLDER, dump, make_lines, s3_event, sqs_event, tags
from proxy import Fault

KEY = FOLDER + "clicks"
MIB = 1024 * 1024


def expected(count):
    return Counter(f"tag-{serial}" for serial in range(count))


def test_200_megabytes_pass_through_a_process_of_less_than_100(lab):
    """Makes long clicks, so that the size comes from long paths and not from the number of clicks."""
    click = make_lines([0]).replace(b'"path":"/"', b'"path":"/%s"' % (b"p" * 1200), 1)
    before, after = click.split(b"tag-0")
    count = 200 * MIB // len(click) + 1
    lab.put(KEY, b"".join(before + b"tag-%d" % serial + after for serial in range(count)))
    arrived = Counter()

    def count_and_forget(request):
        arrived.update(re.findall(rb'"slashtag":"tag-(\d+)"', request.body))
        request.body = b""

    lab.sink.observe = count_and_forget
    function = lab.forwarder(AWS_ENDPOINT_URL=lab.emulator.url)
    answer = function.invoke(dump(sqs_event(s3_event(KEY))), timeout=600)
    peak = function.peak_memory()

    assert answer.failures == []
    assert len(arrived) == count and set(arrived.values()) == {1}
    assert peak < 100 * MIB, f"peak {peak // MIB} MiB"


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_a_read_cut_in_mid_body_goes_on_where_it_stopped(lab, reset):
    body = make_lines(range(3000))
    lab.put(KEY, body)
    lab.proxy.faults.append(Fault(KEY, cut_after=700_001, reset=reset))

    answer = lab.forwarder().invoke(dump(sqs_event(s3_event(KEY))))

    assert answer.failures == []
    assert Counter(tags(lab.sink.clicks)) == expected(3000)
    first, second = lab.proxy.reads(KEY)
    assert "range" not in first.headers
    start = int(re.fullmatch(r"bytes=(\d+)-", second.headers["range"])[1])
    assert start <= 700_001 if reset else start == 700_001
    assert second.headers["if-match"].strip('"')


def test_a_read_cut_again_and_again_still_ends(lab):
    lab.put(KEY, make_lines(range(3000)))
    lab.proxy.faults.append(Fault(KEY, times=3, cut_after=300_000))

    assert lab.forwarder().invoke(dump(sqs_event(s3_event(KEY)))).failures == []
    assert Counter(tags(lab.sink.clicks)) == expected(3000)
    assert len(lab.proxy.reads(KEY)) == 4


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_body_without_a_length_that_ends_early_is_not_taken_for_the_whole_file(lab, compress):
    body = compress(make_lines(range(3000)))
    lab.put(KEY, body)
    lab.proxy.faults.append(Fault(KEY, cut_after=len(body) // 4, unsized=True))

    assert lab.forwarder().invoke(dump(sqs_event(s3_event(KEY)))).failures == []
    assert Counter(tags(lab.sink.clicks)) == expected(3000)


def test_a_cut_inside_compressed_data_is_resumed_too(lab):
    lab.put(KEY, gzip.compress(make_lines(range(3000))))
    lab.proxy.faults.append(Fault(KEY, cut_after=20_000))

    assert lab.forwarder().invoke(dump(sqs_event(s3_event(KEY)))).failures == []
    assert Counter(tags(lab.sink.clicks)) == expected(3000)


def test_an_object_replaced_in_mid_read_is_not_spliced(lab):
    """The rest of another version would yield clicks that never existed."""
    lab.put(KEY, make_lines(range(3000)))
    replace = lambda: lab.put(KEY, make_lines(range(5000, 8000)))
    lab.proxy.faults.append(Fault(KEY, cut_after=700_001, then=replace))

    function = lab.forwarder()
    answer = function.invoke(dump(sqs_event(s3_event(KEY))))

    assert answer.failures == ["message-0"], "the job comes back and reads the new object from its start"
    assert [line["message"] for line in audit_lines(function.output())] == ["object forwarded in part"]
    assert set(tags(lab.sink.clicks)) <= set(expected(3000))
    assert lab.quarantine() == {}


def test_a_version_is_read_to_its_end_though_a_newer_one_came(lab):
    version = lab.put(KEY, make_lines(range(3000)))
    replace = lambda: lab.put(KEY, make_lines(range(5000, 8000)))
    lab.proxy.faults.append(Fault(KEY, cut_after=700_001, then=replace))

    answer = lab.forwarder().invoke(dump(sqs_event(s3_event(KEY, versions={KEY: version}))))

    assert answer.failures == []
    assert Counter(tags(lab.sink.clicks)) == expected(3000)


def test_a_connection_that_never_holds_fails_the_job(lab):
    lab.put(KEY, make_lines(range(3000)))
    lab.proxy.faults.append(Fault(KEY, times=None, cut_after=0))

    assert lab.forwarder().invoke(dump(sqs_event(s3_event(KEY))), timeout=20).failures == ["message-0"]
    assert (lab.sink.clicks, lab.quarantine()) == ([], {})


def test_one_process_serves_many_events(lab):
    """Lambda keeps a process for hours: memory must not grow from one invocation to the next."""
    function, event = lab.forwarder(), dump(sqs_event(s3_event(KEY)))
    for _ in range(20):
        lab.put(KEY, make_lines(range(100)))
        assert function.invoke(event).failures == []
    settled = function.peak_memory()
    for _ in range(100):
        lab.put(KEY, make_lines(range(100)))
        assert function.invoke(event).failures == []

    assert len(lab.sink.clicks) == 12_000
    assert function.peak_memory() - settled < 8 * MIB
