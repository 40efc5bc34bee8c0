"""A function with mistakes in its variables does not start, and lists all of them at once."""

import pytest
from events import dump


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"HOOK_TIMEOT": "1"}, ["HOOK_TIMEOT"]),
        ({"HOOK_URL": None}, ["HOOK_URL"]),
        ({"HOOK_URL": "not a url"}, ["HOOK_URL"]),
        ({"HOOK_KIND": "carrier-pigeon"}, ["HOOK_KIND", "http", "stdout"]),
        ({"HOOK_BODY": "xml"}, ["HOOK_BODY", "envelope", "array", "lines", "single"]),
        ({"TARGETS": None, "HOOK_KIND": None, "HOOK_URL": None}, ["TARGETS"]),
        ({"HOOK_TIMEOT": "1", "HOOK_URL": None, "HOOK_TIMEOUT": "soon"}, ["HOOK_TIMEOT", "HOOK_URL", "HOOK_TIMEOUT"]),
    ],
    ids=["unknown variable", "no address", "no URL", "unknown kind", "unknown body", "no target", "three mistakes"],
)
def test_a_mistake_in_the_settings_stops_the_start_and_is_named(lab, variables, named):
    code, said = lab.forwarder(**variables).wait_for_exit()

    assert code != 0
    for name in named:
        assert name in said


def test_lambda_counts_a_refused_start_as_a_failed_invocation(lab):
    assert lab.emulated(HOOK_TIMEOT="1").invoke(dump({"bucket": "rebrandly-clicks", "key": "x"})).failed


def test_a_mistake_never_shows_a_secret(lab):
    _, said = lab.forwarder(HOOK_BEARER="t-secret", HOOK_SIGNING_SECRET="whsec_k-secret?", HOOK_TIMEOT="1").wait_for_exit()

    assert "t-secret" not in said and "k-secret" not in said


def test_an_address_with_a_password_in_it_is_not_shown(lab):
    run = lab.command("check", HOOK_URL=lab.sink.url.replace("http://", "http://user:p-secret@") + "?token=q-secret")

    assert b"p-secret" not in run.stdout + run.stderr and b"q-secret" not in run.stdout + run.stderr


def test_nothing_is_asked_over_the_network_before_the_first_event(lab):
    function = lab.emulated(QUARANTINE="s3://no-such-bucket/x/")
    function.invoke(lab.event("test-event"))

    assert (lab.proxy.requests, lab.sink.requests) == ([], [])
