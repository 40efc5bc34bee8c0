"""The http target over a real socket: its requests, and the outcome of each response."""

import base64
import gzip
import hashlib
import hmac
import time
from collections import Counter

import pytest
from answer import audit_lines, log_lines
from events import FOLDER, dump, make_click, make_lines, s3_event, sqs_event, tags, webhook_form, without_ids
from fault_target import FaultTarget, self_signed
from sink import Reply

KEY = FOLDER + "clicks"
SECRET = base64.b64encode(b"a secret of at least 24 bytes").decode()


def forward(lab, count=3, timeout=None, **variables):
    """Forwards one object of `count` clicks; returns the response and the function."""
    lab.put(KEY, make_lines(range(count)))
    function = lab.forwarder(**variables)
    return function.invoke(dump(sqs_event(s3_event(KEY))), timeout), function


def verify(request):
    """Verifies a signature as the Standard Webhooks specification says."""
    signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + request.body
    digest = hmac.new(base64.b64decode(SECRET), signed, hashlib.sha256).digest()
    assert request.headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()
    assert abs(int(request.headers["webhook-timestamp"]) - time.time()) < 300


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408, 429])
def test_a_passing_fault_of_the_target_is_retried(lab, status):
    lab.sink.script = [Reply(status)]
    answer, _ = forward(lab)

    assert answer.failures == []
    assert [request.status for request in lab.sink.requests] == [status, 200]
    assert tags(lab.sink.clicks) == ["tag-0", "tag-1", "tag-2"]


def test_retry_after_is_waited_for(lab):
    lab.sink.script = [Reply(429, {"Retry-After": "1"})]
    answer, _ = forward(lab)

    assert answer.failures == []
    first, second = lab.sink.requests
    assert second.at - first.at >= 1


def test_a_connection_closed_without_an_answer_is_retried(lab):
    lab.sink.script = [Reply(silent=True)]
    answer, _ = forward(lab)

    assert answer.failures == []
    assert Counter(tags(lab.sink.clicks)) == {"tag-0": 1, "tag-1": 1, "tag-2": 1}


def test_a_target_that_does_not_answer_in_time_is_asked_again(lab):
    lab.sink.script = [Reply(delay=5)]
    answer, _ = forward(lab, HOOK_TIMEOUT="1s")

    assert answer.failures == []
    assert len(lab.sink.requests) > 1


@pytest.mark.parametrize("status", [401, 403, 404, 405, 410])
def test_an_endpoint_that_is_wrong_fails_the_job_and_quarantines_nothing(lab, status):
    lab.sink.respond = lambda _: Reply(status)
    answer, function = forward(lab)

    assert answer.failures == ["message-0"]
    assert len(lab.sink.requests) == 1, "asking again will not help"
    assert lab.quarantine() == {}
    [line] = audit_lines(function.output())
    assert (line["message"], line["sent"], line["failed"]) == ("object failed", 0, 3)


def test_an_endpoint_that_does_not_exist_fails_the_job(lab):
    answer, _ = forward(lab, timeout=5, HOOK_URL="http://no-such-host.invalid/")

    assert answer.failures == ["message-0"]
    assert lab.quarantine() == {}


def test_a_target_that_stays_down_fails_the_job_before_the_deadline(lab):
    lab.sink.respond = lambda _: Reply(503)
    answer, _ = forward(lab, timeout=6)

    assert answer.failures == ["message-0"]
    assert len(lab.sink.requests) > 1 and lab.quarantine() == {}


def test_the_answer_comes_before_lambda_ends_the_process(lab):
    lab.put(KEY, make_lines(range(3)))
    lab.sink.respond = lambda _: Reply(503)

    assert lab.emulated(timeout=20).invoke(dump(sqs_event(s3_event(KEY)))).failures == ["message-0"]


def test_a_redirect_is_not_followed(lab):
    lab.sink.respond = lambda request: Reply(302, {"Location": lab.sink.url + "/elsewhere"})
    answer, function = forward(lab, timeout=6)

    assert {request.path for request in lab.sink.requests} == {"/clicks"}
    assert [line["sent"] for line in audit_lines(function.output())] == [0]


def test_an_answer_of_any_length_fills_no_memory(lab):
    lab.sink.respond = lambda _: Reply(200, body=bytes(200 * 1024 * 1024))
    answer, function = forward(lab)

    assert answer.failures == [] and len(lab.sink.requests) == 1
    assert function.peak_memory() < 100 * 1024 * 1024


def test_clicks_that_were_accepted_are_not_sent_again_because_the_answer_stalls(lab):
    lab.sink.respond = lambda _: Reply(200, {"Content-Length": "1000"})
    answer, _ = forward(lab, timeout=30, HOOK_TIMEOUT="5s")

    assert answer.failures == [] and len(lab.sink.requests) == 1


def test_the_other_target_is_served_in_full_while_one_stays_down(lab):
    lab.sink.respond = lambda request: Reply(503 if request.path == "/down" else 200)
    down = lab.sink.url.replace("/clicks", "/down")
    answer, _ = forward(lab, count=10_000, timeout=20, TARGETS="down,hook", DOWN_KIND="http", DOWN_URL=down)

    assert answer.failures == ["message-0"]
    assert Counter(tags(lab.sink.clicks)) == {f"tag-{serial}": 1 for serial in range(10_000)}


def test_too_large_a_body_is_halved_until_it_fits(lab):
    lab.sink.respond = lambda request: Reply(413 if len(request.clicks) > 2 else 200)
    answer, _ = forward(lab, count=16)

    assert answer.failures == []
    assert Counter(tags(lab.sink.clicks)) == {f"tag-{serial}": 1 for serial in range(16)}


def test_the_target_that_works_gets_everything_though_another_fails(lab):
    lab.sink.respond = lambda request: Reply(401 if request.path == "/closed" else 200)
    closed = lab.sink.url.replace("/clicks", "/closed")
    answer, _ = forward(lab, TARGETS="closed,hook", CLOSED_KIND="http", CLOSED_URL=closed)

    assert answer.failures == ["message-0"]
    assert tags(lab.sink.clicks) == ["tag-0", "tag-1", "tag-2"]


@pytest.mark.parametrize("body", ["envelope", "array", "lines", "single"])
def test_every_body_form_carries_every_click(lab, body):
    forward(lab, HOOK_BODY=body, HOOK_FORMAT="webhook")

    assert len(lab.sink.requests) == (3 if body == "single" else 1)
    arrived = sorted(without_ids(lab.sink.clicks), key=lambda click: click["timestamp"])
    assert arrived == [webhook_form(make_click(serial)) for serial in range(3)]


def test_the_canonical_form_says_where_the_click_stood(lab):
    version = lab.put(KEY, make_lines(range(2)))
    lab.forwarder(HOOK_BODY="array", HOOK_FORMAT="click").invoke(dump(sqs_event(s3_event(KEY, versions={KEY: version}))))

    first, second = lab.sink.clicks
    assert second["source"] == {
        "bucket": "rebrandly-clicks",
        "key": KEY,
        "version": version,
        "offset": len(make_lines([0])),
        "index": 1,
    }
    assert second["key"] == "clicks" and second["client"]["location"]["country"] == "US"
    assert first["id"] != second["id"]


def test_the_raw_form_is_the_bytes_as_delivered(lab):
    lab.put(KEY, body := make_lines(range(2)))
    lab.forwarder(HOOK_BODY="lines", HOOK_FORMAT="raw").invoke(dump(sqs_event(s3_event(KEY))))

    assert lab.sink.requests[0].body.strip() == body.strip()


def test_method_headers_and_credentials_are_sent_as_configured(lab):
    forward(lab, HOOK_METHOD="PUT", HOOK_HEADER_X_API_KEY="k-1", HOOK_BEARER="t-1")
    forward(lab, HOOK_BASIC="user:pass word")

    put, basic = lab.sink.requests
    assert (put.method, put.headers["x-api-key"], put.headers["authorization"]) == ("PUT", "k-1", "Bearer t-1")
    assert basic.headers["authorization"] == "Basic " + base64.b64encode(b"user:pass word").decode()


def test_compressed_bodies_inflate_to_the_same_clicks(lab):
    forward(lab, HOOK_COMPRESSION="gzip")

    [request] = lab.sink.requests
    assert request.headers["content-encoding"] == "gzip" and gzip.decompress(request.body)
    assert tags(lab.sink.clicks) == ["tag-0", "tag-1", "tag-2"]


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_each_attempt_is_signed_anew_under_one_id(lab, compression):
    lab.sink.script = [Reply(503, {"Retry-After": "1"})]
    forward(lab, HOOK_SIGNING_SECRET="whsec_" + SECRET, HOOK_COMPRESSION=compression)

    first, second = lab.sink.requests
    verify(first)
    verify(second)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]


def refusals(function):
    return [line["cause"] for line in log_lines(function.output()) if line.get("message") == "target refuses clicks"]


def test_a_refusing_answer_is_quoted_once_in_the_log_and_whole_in_the_row(lab):
    """In the log without what it repeats of the request, and nowhere with a secret."""

    def respond(request):
        bad = [click for click in request.clicks if click["route"]["slashtag"] in ("tag-0", "tag-4")]
        says = f'{{"error":"no such link: {bad and bad[0]["timestamp"]}",\r\n "key":"t-secret"}}'.encode()
        return Reply(422, body=says) if bad else Reply()

    lab.sink.respond = respond
    answer, function = forward(lab, count=8, HOOK_BEARER="t-secret", HOOK_CONCURRENCY=1)

    assert answer.failures == []
    rows = lab.quarantined()
    assert {row["reason"] for row in rows} == {
        f'HTTP 422 Unprocessable Entity; the answer says: {{"error":"no such link: {make_click(serial)["timestamp"]}", "key":"…"}}'
        for serial in (0, 4)
    }
    assert refusals(function) == ['HTTP 422 Unprocessable Entity; the answer says: {"error":"no such link: … "key":"…"}']
    assert "t-secret" not in function.output()


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (401, b"<html><head><title>Sign in</title></head><body><p>Please &amp; thanks</p></body></html>", "Sign in Please & thanks"),
        (404, b"", None),
        (404, b" \r\n", None),
        (403, b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff" * 9, "(90 bytes that are no text)"),
        (404, b"no\x1b[31m such\nhook", "no[31m such hook"),
        (401, "é".encode() * 200_000, "é" * 299 + "…"),
    ],
    ids=["page", "empty", "blank", "bytes", "control characters", "huge"],
)
def test_whatever_an_endpoint_answers_reads_sensibly(lab, status, body, says):
    lab.sink.respond = lambda _: Reply(status, body=body)
    _, function = forward(lab)

    [line] = audit_lines(function.output())
    quoted = line["cause"].split("; the answer says: ")
    assert quoted[1:] == ([says] if says else [])


def test_a_refusing_answer_that_stalls_counts_by_its_status(lab):
    lab.sink.respond = lambda _: Reply(404, {"Content-Length": "1000"})
    answer, function = forward(lab, HOOK_TIMEOUT="3s")

    assert answer.failures == ["message-0"] and len(lab.sink.requests) == 1
    assert "HTTP 404" in audit_lines(function.output())[0]["cause"]


@pytest.mark.parametrize("status", [409, 420, 421, 423])
def test_an_endpoint_that_is_busy_with_the_same_request_is_asked_again(lab, status):
    lab.sink.script = [Reply(status), Reply(status)]
    answer, _ = forward(lab)

    assert answer.failures == [] and tags(lab.sink.clicks) == ["tag-0", "tag-1", "tag-2"]
    assert len({request.headers["idempotency-key"] for request in lab.sink.requests}) == 1


@pytest.mark.parametrize("status", [400, 402, 403, 404, 413, 418, 422, 451])
def test_any_refusal_that_says_when_to_come_again_is_waited_out(lab, status):
    lab.sink.script = [Reply(status, {"Retry-After": "1"})]
    answer, _ = forward(lab)

    assert answer.failures == [] and [request.status for request in lab.sink.requests] == [status, 200]
    assert lab.quarantine() == {}


def test_a_certificate_that_nobody_vouches_for_is_not_tried_again_and_names_the_way_out(lab, tmp_path):
    certificate = self_signed(tmp_path)
    endpoint = FaultTarget(certificate=certificate)
    try:
        answer, function = forward(lab, HOOK_URL="https" + endpoint.address)
        [line] = audit_lines(function.output())
        assert answer.failures == ["message-0"] and line["retries"] == 0
        assert "misconfigured" in line["cause"] and "SSL_CERT_FILE" in line["cause"]

        answer, _ = forward(lab, HOOK_URL="https" + endpoint.address, SSL_CERT_FILE=certificate)
        assert answer.failures == [] and tags(endpoint.taken) == ["tag-0", "tag-1", "tag-2"]

        answer, function = forward(lab, HOOK_URL="https" + endpoint.address, SSL_CERT_FILE=tmp_path / "none.pem")
        assert "SSL_CERT_FILE" in audit_lines(function.output())[0]["cause"]
    finally:
        endpoint.close()


def test_a_host_that_is_not_found_names_the_way_out(lab):
    _, function = forward(lab, timeout=5, HOOK_URL="https://no-such-host.invalid/")

    assert "check the host in the target's URL" in audit_lines(function.output())[0]["cause"]


def test_no_secret_and_no_click_is_logged(lab):
    lab.sink.respond = lambda _: Reply(403, body=b"refused t-secret")
    secrets = {"HOOK_BEARER": "t-secret", "HOOK_HEADER_X_API_KEY": "k-secret", "HOOK_SIGNING_SECRET": "whsec_" + SECRET}
    _, function = forward(lab, LOG_LEVEL="trace", **secrets)

    for secret in ("t-secret", "k-secret", SECRET, "tag-0"):
        assert secret not in function.output()
