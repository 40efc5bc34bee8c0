"""The command line forwards as the function does: the same clicks, the same ids, from S3 too."""

from events import BUCKET, LINES, ONE, UNICODE, clicks_in, contents, dump, make_lines, s3_event, tags
from proxy import DENIED, Fault
from sink import Reply


def put_all(lab):
    for key in (ONE, LINES, UNICODE):
        lab.put(key, contents(key))


def test_a_prefix_in_s3_is_forwarded_whole(lab):
    put_all(lab)
    lab.put("/other", make_lines([1]))
    run = lab.command("forward", f"s3://{BUCKET}//2026/11/")

    assert run.returncode == 0, run.stderr.decode()
    moments = {click["timestamp"] for key in (ONE, LINES, UNICODE) for click in clicks_in(key)}
    assert {click["timestamp"] for click in lab.sink.clicks} == moments


def test_a_key_in_s3_has_the_ids_that_the_lambda_gives(lab):
    put_all(lab)
    assert lab.command("forward", f"s3://{BUCKET}/{UNICODE}").returncode == 0
    lab.forwarder().invoke(dump(s3_event(UNICODE)))

    by_hand, by_event = (request.clicks for request in lab.sink.requests)
    assert len(by_hand) == 2 and by_hand == by_event


def test_files_and_standard_input_are_forwarded(lab):
    assert lab.command("forward", "events/objects").returncode == 0
    assert len(lab.sink.clicks) == 11
    assert lab.command("forward", "-", stdin=make_lines([1])).returncode == 0
    assert tags(lab.sink.accepted[-1].clicks) == ["tag-1"]


def test_a_failed_object_shows_in_the_exit_code(lab):
    put_all(lab)
    lab.proxy.faults.append(Fault(ONE, times=None, answer=DENIED))
    denied = lab.command("forward", f"s3://{BUCKET}/{ONE}")
    lab.sink.respond = lambda _: Reply(401)
    refused = lab.command("forward", f"s3://{BUCKET}/{LINES}")

    assert denied.returncode != 0 and refused.returncode != 0
    assert ONE in denied.stderr.decode()


def test_check_shows_the_target_and_hides_its_secret(lab):
    run = lab.command("check", HOOK_BEARER="t-secret")

    shown = (run.stdout + run.stderr).decode()
    assert run.returncode == 0, shown
    assert "hook" in shown and "http" in shown and "t-secret" not in shown


def test_check_refuses_what_the_lambda_would_refuse(lab):
    run = lab.command("check", HOOK_TIMEOT="1")

    assert run.returncode != 0 and b"HOOK_TIMEOT" in run.stdout + run.stderr
