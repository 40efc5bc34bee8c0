"""Targets inside AWS that fail, wholly or in part: nothing is lost, and no accepted click is sent again."""

import gzip
import json
import re
import subprocess
from collections import Counter

import pytest
from answer import audit_lines
from events import BUCKET, FOLDER, dump, each_once, make_click, make_lines, make_small_lines, s3_event, sqs_event
from fake_aws import CLICK, LOST, MIB, Error, FakeAws, FunctionError, now_and_then
from kinds import ACCOUNT, CALLED, QUEUE, TOPIC, named, target
from process import CLICKSTREAM, environment, require, wait_until
from proxy import DENIED, UNAVAILABLE, Fault
from pump import Fresh, Pump

KEY = FOLDER + "clicks"
FIFO = {"sqs": {"QUEUE_URL": QUEUE + ".fifo"}, "sns": {"TOPIC_ARN": TOPIC + ".fifo"}}
# Kinds whose requests hold many clicks, with the variables for it.
BATCHES = {"firehose": {}, "kinesis": {}, "sqs": {}, "sns": {}, "eventbridge": {}, "dynamodb": {"WRITE": "any"}}
# Each service's response to too many requests.
THROTTLED = {
    "firehose": Error("ServiceUnavailableException", 503, "Slow down."),
    "kinesis": Error("ProvisionedThroughputExceededException", 400, "Rate exceeded for shard"),
    "sqs": Error("RequestThrottled", 400),
    "sns": Error("Throttled", 429),
    "eventbridge": Error("ThrottlingException", 400),
    "dynamodb": Error("ProvisionedThroughputExceededException", 400),
    "lambda": Error("TooManyRequestsException", 429),
}
# Each service's error for one entry that failed temporarily.
MISSED = {
    "firehose": (Error("ServiceUnavailableException"), Error("InternalFailure")),
    "kinesis": (Error("ProvisionedThroughputExceededException"), Error("InternalFailure")),
    "sqs": (Error("InternalError"), Error("RequestThrottled"), Error("ServiceUnavailable")),
    "sns": (Error("InternalError"), Error("Throttled")),
    "eventbridge": (Error("ThrottlingException"), Error("InternalFailure")),
    "dynamodb": (Error("UnprocessedItems"),),
}
BAD = {"sqs": "InvalidMessageContents", "sns": "InvalidParameter", "eventbridge": "MalformedDetail"}
TOO_LARGE = {
    "firehose": Error("InvalidArgumentException", 400, "Records size exceeds 4 MB limit"),
    "kinesis": Error("InvalidArgumentException", 400, "Records size exceeds 10 MB limit"),
    "sqs": Error("BatchRequestTooLong", 400),
    "sns": Error("BatchRequestTooLong", 400),
    "eventbridge": Error("ValidationException", 400, "Total size of the entries in the request is over the limit."),
    "dynamodb": Error("ValidationException", 400, "Item size has exceeded the maximum allowed size"),
    "lambda": Error("RequestTooLargeException", 413),
}


def setup(aws, kind, **own):
    return target(kind, ENDPOINT_URL=aws.url, **own)


def invoke(function, timeout=None, key=KEY, **changes):
    return function.invoke(dump(sqs_event({**s3_event(key), **changes})), timeout)


def forward(lab, aws, kind, count=8, timeout=None, **own):
    """Forwards one file of small clicks; returns the response and the function."""
    lab.put(KEY, make_small_lines(range(count)))
    function = lab.forwarder(**setup(aws, kind, **own))
    return invoke(function, timeout), function


def audit(function):
    """Returns the only audit line."""
    [line] = audit_lines(function.output())
    return line


def arrived(aws):
    """Returns the serial numbers of the accepted clicks, in order."""
    return [int(re.search(r'"slashtag": ?(?:\{"S": ?)?"tag-(\d+)"', entry.text)[1]) for entry in aws.accepted]


def name_of(value):
    """Returns a parameter's name in the name of its test."""
    if isinstance(value, Error):
        return value.code
    return value if isinstance(value, str) else "fifo" if value in FIFO.values() else "any" if value == {"WRITE": "any"} else ""


def is_number(number):
    """Returns a predicate: true for the entry of the click with this number."""
    return lambda entry: bool(re.search(rf'"tag-{number}"', entry.text))


# Entries of a request that fail


@pytest.fixture(scope="module")
def many():
    """Stores a file of 100,000 clicks; returns their ids as the command line writes them."""
    body = make_small_lines(range(100_000), links=2000)
    command = [require(CLICKSTREAM), "forward", "--quiet", "-"]
    clicks = subprocess.run(command, env=environment(), input=body, capture_output=True, check=True).stdout
    return body, {found.decode() for found in CLICK.findall(clicks)}


@pytest.mark.parametrize("kind", BATCHES)
def test_of_100_000_clicks_none_is_lost_and_none_comes_twice_while_one_in_twenty_fails(lab, many, kind):
    body, expected = many
    lab.put(KEY, body)
    aws, failed = FakeAws(keep=False), Counter()
    fails = now_and_then(0.05, *MISSED[kind])

    def decide(call, entry):
        error = fails(call, entry)
        failed.update(entry.ids if error else ())
        return error

    aws.decide = decide
    try:
        function = lab.forwarder(AWS_ENDPOINT_URL=lab.emulator.url, **setup(aws, kind, CONCURRENCY=64, **BATCHES[kind]))
        answer = invoke(function, timeout=300)
    finally:
        aws.close()

    assert answer.failures == [] and aws.broken == []
    assert len(expected) == len(aws.ids) == 100_000 and set(aws.ids) == expected
    assert 4000 < failed.total() < 7000
    sent = Counter(click for call in aws.calls for click in call.ids)
    assert sent == Counter(expected) + failed, "only what failed is sent again, once each time"
    line = audit(function)
    assert (line["read"], line["sent"], line["failed"], line["quarantined"]) == (100_000, 100_000, 0, 0)
    assert lab.quarantine() == {}


@pytest.mark.parametrize("kind", MISSED)
def test_only_the_entries_that_failed_are_sent_again(lab, aws, kind):
    fails, times = is_number(3), []
    aws.decide = lambda call, entry: MISSED[kind][0] if fails(entry) and len(times) < 2 and not times.append(call.at) else None
    answer, function = forward(lab, aws, kind, **BATCHES[kind])

    assert answer.failures == [] and sorted(arrived(aws)) == list(range(8))
    assert [len(call.entries) for call in aws.calls] == [8, 1, 1]
    assert all(later.at - earlier.at >= 0.1 for earlier, later in zip(aws.calls, aws.calls[1:]))
    assert (audit(function)["sent"], lab.quarantine()) == (8, {})


@pytest.mark.parametrize("kind", BAD)
def test_an_entry_that_will_never_be_taken_is_quarantined_alone(lab, aws, kind):
    bad = is_number(5)
    aws.decide = lambda _, entry: Error(BAD[kind], sender=True, message="no fives") if bad(entry) else None
    answer, function = forward(lab, aws, kind)

    assert answer.failures == [] and sorted(arrived(aws)) == [0, 1, 2, 3, 4, 6, 7]
    assert len(aws.calls) == 1, "asking again will not help"
    [row] = lab.quarantined()
    assert (row["kind"], row["target"], row["source"]["index"]) == ("rejected", "t", 5)
    assert BAD[kind] in row["reason"] and "no fives" in row["reason"] and "tag-5" in row["raw"]
    assert (audit(function)["sent"], audit(function)["quarantined"]) == (7, 1)


@pytest.mark.parametrize("kind", ["firehose", "kinesis", "eventbridge"])
def test_entries_that_all_are_denied_say_that_the_target_is_wrong(lab, aws, kind):
    aws.decide = lambda *_: Error("AccessDeniedException", message="not authorized to use the key")
    answer, function = forward(lab, aws, kind)

    assert answer.failures == ["message-0"] and len(aws.calls) == 1
    assert lab.quarantine() == {} and "AccessDeniedException" in audit(function)["cause"]


# Requests that fail


@pytest.mark.parametrize("own", [{}, {"WRITE": "any"}], ids=["new", "any"])
def test_a_throttled_table_is_waited_for(lab, aws, own):
    check_waited(lab, aws, "dynamodb", THROTTLED["dynamodb"], own)


@pytest.mark.parametrize("kind", [kind for kind in THROTTLED if kind != "dynamodb"])
def test_a_throttled_request_is_sent_again_later(lab, aws, kind):
    check_waited(lab, aws, kind, THROTTLED[kind], {})


@pytest.mark.parametrize("kind", CALLED)
@pytest.mark.parametrize("error", [Error("InternalFailure", 500), Error("", 503)], ids=["internal failure", "503 without a word"])
def test_a_service_that_is_down_for_a_moment_is_waited_for(lab, aws, kind, error):
    check_waited(lab, aws, kind, error, {})


def check_waited(lab, aws, kind, error, own):
    """With one click, every attempt is the forwarder's own and counted; the SDK retries nothing."""
    aws.script = [error, error]
    answer, function = forward(lab, aws, kind, count=1, **own)

    assert answer.failures == [] and arrived(aws) == [0]
    assert len(aws.calls) == 3 and audit(function)["retries"] == 2
    assert all(later.at - earlier.at >= 0.1 for earlier, later in zip(aws.calls, aws.calls[1:]))
    assert lab.quarantine() == {}


@pytest.mark.parametrize("kind", CALLED)
def test_a_service_that_throttles_for_ever_fails_the_job_in_time(lab, aws, kind):
    aws.refuse = lambda _: THROTTLED[kind]
    answer, _ = forward(lab, aws, kind, count=3, timeout=3)

    assert answer.failures == ["message-0"]
    assert (aws.accepted, lab.quarantine()) == ([], {})


@pytest.mark.parametrize(
    ("kind", "own"),
    [(kind, own) for kind in CALLED for own in [FIFO.get(kind), BATCHES.get(kind, {})] if own is not None],
    ids=name_of,
)
def test_clicks_whose_answer_was_lost_come_again_under_the_same_id(lab, aws, kind, own):
    aws.script = [LOST]
    answer, _ = forward(lab, aws, kind, **own)

    assert answer.failures == [] and set(arrived(aws)) == set(range(8))
    assert len(set(aws.ids)) == 8
    if own in FIFO.values():
        assert len(aws.ids) == 8, "the queue knows them again"


def test_an_item_whose_answer_was_lost_counts_as_written(lab, aws):
    aws.script = [LOST] * 4
    answer, function = forward(lab, aws, "dynamodb")

    assert answer.failures == [] and sorted(arrived(aws)) == list(range(8))
    assert (audit(function)["sent"], audit(function)["quarantined"]) == (8, 0)


@pytest.mark.parametrize(
    ("kind", "error", "cure"),
    [
        ("firehose", Error("AccessDeniedException", 400, "not authorized to perform: firehose:PutRecordBatch"), "allow"),
        ("kinesis", Error("AccessDeniedException", 400, "not authorized to perform: kinesis:PutRecords"), "allow"),
        ("sqs", Error("AccessDenied", 403, "not authorized to perform: sqs:sendmessage"), "allow"),
        ("sns", Error("AuthorizationError", 403, "not authorized to perform: SNS:Publish"), "allow"),
        ("eventbridge", Error("AccessDeniedException", 400, "not authorized to perform: events:PutEvents"), "allow"),
        ("dynamodb", Error("AccessDeniedException", 400, "not authorized to perform: dynamodb:PutItem"), "allow"),
        ("lambda", Error("AccessDeniedException", 403, "not authorized to perform: lambda:InvokeFunction"), "allow"),
        ("firehose", Error("ResourceNotFoundException", 400, "Firehose clicks under account not found."), "check"),
        ("kinesis", Error("ResourceNotFoundException", 400, "Stream clicks under account not found."), "check"),
        ("sqs", Error("QueueDoesNotExist", 400, "The specified queue does not exist."), "check"),
        ("sns", Error("NotFound", 404, "Topic does not exist"), "check"),
        ("eventbridge", Error("ResourceNotFoundException", 400, "Event bus clicks does not exist."), "check"),
        ("dynamodb", Error("ResourceNotFoundException", 400, "Requested resource not found"), "check"),
        ("lambda", Error("ResourceNotFoundException", 404, "Function not found"), "check"),
        ("kinesis", Error("KMSAccessDeniedException", 400), "key"),
        ("sqs", Error("KmsAccessDenied", 400), "key"),
        ("sns", Error("KMSAccessDenied", 400), "key"),
        ("sqs", Error("InvalidClientTokenId", 403, "The security token included in the request is invalid."), "credentials"),
        ("firehose", Error("UnrecognizedClientException", 400, "The security token included in the request is invalid."), "credentials"),
    ],
    ids=name_of,
)
def test_a_target_that_is_wrong_fails_the_job_at_once_and_says_what_to_do(lab, aws, kind, error, cure):
    aws.refuse = lambda _: error
    answer, function = forward(lab, aws, kind, timeout=60)

    assert answer.failures == ["message-0"] and audit(function)["retries"] == 0
    # Several items of the table are in flight at a time.
    assert len(aws.calls) == 1 or kind == "dynamodb"
    assert (aws.accepted, lab.quarantine()) == ([], {})
    line = audit(function)
    assert (line["message"], line["level"], line["failed"]) == ("object failed", "ERROR", 8)
    assert error.message in line["cause"] and cure in line["cause"], line["cause"]


@pytest.mark.parametrize("kind", BATCHES)
def test_a_request_that_is_too_large_is_halved_until_it_fits(lab, aws, kind):
    aws.refuse = lambda call: TOO_LARGE[kind] if len(call.entries) > 2 else None
    answer, _ = forward(lab, aws, kind, count=20, **BATCHES[kind])

    assert answer.failures == [] and sorted(arrived(aws)) == list(range(20))
    assert lab.quarantine() == {}


def test_a_payload_that_is_too_large_is_halved_until_it_fits(lab, aws):
    aws.refuse = lambda call: TOO_LARGE["lambda"] if len(call.entries) > 2 else None
    answer, _ = forward(lab, aws, "lambda", count=20)

    assert answer.failures == [] and sorted(arrived(aws)) == list(range(20))


@pytest.mark.parametrize(("kind", "own"), [*BATCHES.items(), ("dynamodb", {}), ("lambda", {})], ids=name_of)
def test_a_refused_request_is_halved_down_to_the_one_bad_click(lab, aws, kind, own):
    bad = is_number(5)
    aws.refuse = lambda call: TOO_LARGE[kind] if any(map(bad, call.entries)) else None
    answer, function = forward(lab, aws, kind, **own)

    assert answer.failures == [] and sorted(arrived(aws)) == [0, 1, 2, 3, 4, 6, 7]
    [row] = lab.quarantined()
    assert (row["kind"], row["source"]["index"]) == ("rejected", 5) and TOO_LARGE[kind].code in row["reason"]
    assert audit(function)["quarantined"] == 1


# Sizes

# EventBridge's and Lambda's documents say 1 MB; the forwarder sends at most a million bytes.
LIMITS = {
    "firehose": 1000 * 1024,
    "kinesis": 10 * MIB,
    "sqs": MIB,
    "sns": 256 * 1024,
    "eventbridge": 1_000_000,
    "dynamodb": 400 * 1024,
    "lambda": 1_000_000,
}


def long_click(serial, length):
    click = make_click(serial)
    click["route"]["destination"]["raw"] = f"https://shop.example.com/{'p' * length}"
    return dump(click) + b"\n"


@pytest.mark.parametrize("kind", LIMITS)
def test_a_click_just_below_the_services_limit_arrives_and_one_above_is_quarantined(lab, aws, kind):
    limit = LIMITS[kind]
    lab.put(KEY, make_lines([0]) + long_click(1, limit - 8192) + long_click(2, limit) + make_lines([3]))
    function = lab.forwarder(MAX_RECORD_BYTES="32MiB", **setup(aws, kind))
    assert invoke(function).failures == []

    assert sorted(arrived(aws)) == [0, 1, 3]
    [row] = lab.quarantined()
    assert row["source"]["index"] == 2 and "bytes" in row["reason"]


@pytest.mark.parametrize("kind", [*BATCHES, "lambda"])
def test_requests_are_filled_up_to_the_services_limit_and_not_beyond(lab, aws, kind):
    lab.put(KEY, b"".join(long_click(serial, LIMITS[kind] // 9) for serial in range(60)))
    answer = invoke(lab.forwarder(**setup(aws, kind, **BATCHES.get(kind, {}))))

    assert answer.failures == [] and sorted(arrived(aws)) == list(range(60))
    most = {"firehose": 36, "dynamodb": 25}.get(kind, 8)
    assert len(aws.calls) <= 60 // (most - 1) + 1


def test_a_stream_that_takes_less_than_the_service_rejects_its_large_clicks_alone(lab, aws):
    """A stream accepts records of up to 1 MiB unless its owner raised the limit."""
    lab.put(KEY, make_lines([0]) + long_click(1, 3 * MIB) + make_lines([2]))
    large = lambda call: any(entry.size > MIB for entry in call.entries)
    aws.refuse = lambda call: Error("InvalidArgumentException", 400, "Record size exceeds the stream's limit") if large(call) else None
    answer = invoke(lab.forwarder(**setup(aws, "kinesis")))

    assert answer.failures == [] and sorted(arrived(aws)) == [0, 2]
    assert [row["source"]["index"] for row in lab.quarantined()] == [1]


@pytest.mark.parametrize("kind", ["sqs", "sns"])
def test_a_letter_that_messages_may_not_hold_is_escaped(lab, aws, kind):
    click = make_click(0)
    click["route"]["destination"]["raw"] = "https://shop.example.com/\uffff\ufffe\x7f\x01"
    lab.put(KEY, dump(click))
    assert invoke(lab.forwarder(**setup(aws, kind))).failures == []

    assert aws.clicks[0]["route"]["destination"]["raw"] == click["route"]["destination"]["raw"]


# Order


def order(aws):
    """Maps each group to the serial numbers of its accepted clicks, in order."""
    groups = {}
    for serial, entry in zip(arrived(aws), aws.accepted, strict=True):
        groups.setdefault(entry.group, []).append(serial)
    return groups


@pytest.mark.parametrize("kind", FIFO)
def test_a_rejected_message_lets_its_group_go_on(lab, aws, kind):
    bad = is_number(6)
    aws.decide = lambda _, entry: Error(BAD[kind], sender=True) if bad(entry) else None
    lab.put(KEY, make_small_lines(range(30), links=3))
    assert invoke(lab.forwarder(**setup(aws, kind, **FIFO[kind]))).failures == []

    assert order(aws) == {f"link-{link}": [serial for serial in range(link, 30, 3) if serial != 6] for link in range(3)}
    assert [row["source"]["index"] for row in lab.quarantined()] == [6]


@pytest.mark.parametrize("kind", FIFO)
def test_a_message_that_failed_holds_its_group_and_no_other(lab, aws, kind):
    fails, times = is_number(6), []
    aws.decide = lambda call, entry: MISSED[kind][0] if fails(entry) and len(times) < 3 and not times.append(call.at) else None
    lab.put(KEY, make_small_lines(range(30), links=3))
    assert invoke(lab.forwarder(**setup(aws, kind, **FIFO[kind]))).failures == []

    assert order(aws) == {f"link-{link}": list(range(link, 30, 3)) for link in range(3)}
    assert len(times) == 3 and lab.quarantine() == {}


@pytest.mark.parametrize("kind", FIFO)
@pytest.mark.parametrize("group", ["link", "workspace", "id"])
def test_a_hail_of_failures_changes_no_order(lab, aws, kind, group):
    aws.decide = now_and_then(0.05, *MISSED[kind])
    fails = now_and_then(0.05, THROTTLED[kind], Error("InternalFailure", 500), LOST, seed=8)
    aws.refuse = lambda call: fails(call, None)
    lab.put(KEY, make_small_lines(range(300), links=40))
    function = lab.forwarder(**setup(aws, kind, GROUP=group, **FIFO[kind]))
    assert invoke(function, timeout=120).failures == []

    assert sorted(arrived(aws)) == list(range(300)) and len(aws.ids) == 300
    assert all(serials == sorted(serials) for serials in order(aws).values())
    assert len(order(aws)) == {"link": 40, "workspace": 3, "id": 300}[group]


def test_files_side_by_side_share_the_order_of_their_groups(lab, aws):
    aws.decide, aws.delay = now_and_then(0.1, *MISSED["sqs"]), 0.005
    keys = [f"{KEY}-{number}" for number in range(6)]
    for number, key in enumerate(keys):
        lab.put(key, make_small_lines(range(number * 50, (number + 1) * 50), links=5))
    function = lab.forwarder(**setup(aws, "sqs", **FIFO["sqs"]))
    assert function.invoke(dump(sqs_event(*map(s3_event, keys))), 120).failures == []

    assert sorted(arrived(aws)) == list(range(300))
    for serials in order(aws).values():
        for number in range(6):
            within = [serial for serial in serials if serial // 50 == number]
            assert within == sorted(within)


@pytest.mark.parametrize("kind", FIFO)
def test_a_file_that_takes_many_invocations_keeps_its_order(lab, aws, kind):
    """After an entry failed for lack of time, no later one of its group was sent."""
    aws.decide, aws.delay = now_and_then(0.05, *MISSED[kind]), 0.04
    lab.put(KEY, make_small_lines(range(400), links=20))
    queue, table = lab.queue(), lab.table()
    own = setup(aws, kind, CONCURRENCY=2, **FIFO[kind])
    make = lambda: lab.forwarder(DEADLINE_MARGIN="1s", **own, **queue.variables, **table.variables)
    pump = Pump(queue, Fresh(make), 3)
    queue.send(s3_event(KEY))
    turns = pump.deliver()

    assert turns > 1 and queue.dead == 0
    assert order(aws) == {f"link-{link}": list(range(link, 400, 20)) for link in range(20)}
    assert len(aws.ids) == 400


def test_after_a_kill_a_fifo_queue_has_every_click_once_and_in_order(lab, aws):
    aws.delay = 0.04
    lab.put(KEY, make_small_lines(range(300), links=20))
    table = lab.table()
    variables = {**setup(aws, "sqs", CONCURRENCY=2, **FIFO["sqs"]), **table.variables}
    function = lab.forwarder(**variables)
    function.invoke_async(dump(sqs_event(s3_event(KEY))))
    wait_until(lambda: len(aws.accepted) > 100, "a hundred messages")
    lab.kill(function)
    wait_until(lambda: aws.connections == 0, "the end of its requests")
    table.change(lease=1)
    aws.delay = 0

    assert invoke(lab.forwarder(**variables)).failures == []
    assert order(aws) == {f"link-{link}": list(range(link, 300, 20)) for link in range(20)}


def test_clicks_of_one_key_do_not_share_a_request_to_a_table(lab):
    """DynamoDB refuses the whole request, and so does the fake, whose `broken` must stay empty."""
    aws = FakeAws(keys=("link_id",))
    try:
        answer, function = forward(lab, aws, "dynamodb", count=200, WRITE="any", KEY="link_id")
    finally:
        aws.close()

    assert answer.failures == [] and aws.broken == []
    assert len(aws.dynamodb.items) == 50 and sorted(arrived(aws)) == list(range(200))
    assert (audit(function)["sent"], lab.quarantine()) == (200, {})


# Credentials and regions

ROLE = f"arn:aws:iam::{ACCOUNT}:role/clicks"
SIGNED_AS = {"eventbridge": "events"}


@pytest.mark.parametrize("kind", CALLED)
def test_a_target_has_its_own_region_and_role(lab, aws, kind):
    """The function assumes the role with its own credentials, and still reads from S3 with them."""
    own = {"REGION": "ap-southeast-2", "ROLE_ARN": ROLE, "ROLE_EXTERNAL_ID": "external-1"}
    lab.put(KEY, make_small_lines(range(8)))
    function = lab.forwarder(AWS_ENDPOINT_URL_STS=aws.url, **setup(aws, kind, **own))
    assert invoke(function).failures == []

    [assumed] = [call for call in aws.calls if call.service == "sts"]
    assert (assumed.document["RoleArn"], assumed.document["ExternalId"]) == (ROLE, "external-1")
    assert assumed.scope[0] == "testing"
    [(key, _, token)] = aws.sts.issued
    for call in aws.sending():
        assert call.scope == (key, "ap-southeast-2", SIGNED_AS.get(kind, kind)) and call.token == token
    assert sorted(arrived(aws)) == list(range(8))
    [read] = lab.proxy.reads(KEY)
    assert "Credential=testing/" in read.headers["authorization"] and "/eu-west-1/s3/" in read.headers["authorization"]


def test_a_lake_has_its_own_region_and_role(lab, aws):
    lab.s3.create_bucket(Bucket="lake", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    lab.put(KEY, make_small_lines(range(8)))
    function = lab.forwarder(AWS_ENDPOINT_URL_STS=aws.url, **target("s3", REGION="ap-southeast-2", ROLE_ARN=ROLE))
    assert invoke(function).failures == []

    [(key, _, token)] = aws.sts.issued
    [put] = [request for request in lab.proxy.requests if request.method == "PUT"]
    assert f"Credential={key}/" in put.headers["authorization"] and "/ap-southeast-2/s3/" in put.headers["authorization"]
    assert put.headers["x-amz-security-token"] == token


@pytest.mark.parametrize(
    ("kind", "own"),
    [
        ("sqs", {"QUEUE_URL": QUEUE.replace("eu-west-1", "us-west-2")}),
        ("sns", {"TOPIC_ARN": TOPIC.replace("eu-west-1", "us-west-2")}),
        ("kinesis", {"STREAM": f"arn:aws:kinesis:us-west-2:{ACCOUNT}:stream/clicks"}),
        ("lambda", {"FUNCTION": f"arn:aws:lambda:us-west-2:{ACCOUNT}:function:clicks"}),
    ],
    ids=name_of,
)
def test_a_name_that_tells_a_region_is_followed(lab, aws, kind, own):
    assert forward(lab, aws, kind, **own)[0].failures == []

    assert {call.scope[1] for call in aws.calls} == {"us-west-2"}


def test_one_set_of_credentials_serves_many_requests(lab, aws):
    lab.put(KEY, make_small_lines(range(500)))
    function = lab.forwarder(AWS_ENDPOINT_URL_STS=aws.url, **setup(aws, "sqs", ROLE_ARN=ROLE))
    for _ in range(3):
        assert function.invoke(dump(sqs_event({"bucket": BUCKET, "key": KEY, "again": True}))).failures == []

    assert len(aws.sts.issued) == 1 and len(aws.sending()) >= 50


def roleless(lab, aws, error):
    aws.deny_role = error
    lab.put(KEY, make_small_lines(range(8)))
    return lab.forwarder(AWS_ENDPOINT_URL_STS=aws.url, **setup(aws, "sqs", ROLE_ARN=ROLE))


def test_a_role_that_is_denied_fails_the_job_at_once_and_says_so(lab, aws):
    function = roleless(lab, aws, Error("AccessDenied", 403, "not authorized to perform: sts:AssumeRole"))

    assert invoke(function, timeout=30).failures == ["message-0"] and audit(function)["retries"] == 0
    assert (aws.sending(), lab.quarantine()) == ([], {})
    assert "AccessDenied" in audit(function)["cause"] and "sts:AssumeRole" in audit(function)["cause"]


def test_a_role_that_cannot_be_had_now_is_asked_for_again(lab, aws):
    function = roleless(lab, aws, Error("Throttling"))

    assert invoke(function, timeout=5).failures == ["message-0"]
    aws.deny_role = None
    assert invoke(function, timeout=30).failures == []
    assert sorted(arrived(aws)) == list(range(8)) and lab.quarantine() == {}


@pytest.mark.parametrize("kind", CALLED)
def test_the_address_of_one_service_is_honoured(lab, aws, kind):
    lab.put(KEY, make_small_lines(range(8)))
    function = lab.forwarder(**{f"AWS_ENDPOINT_URL_{kind.upper()}": aws.url}, **target(kind))
    assert invoke(function).failures == []

    assert sorted(arrived(aws)) == list(range(8))
    assert {call.scope for call in aws.calls} == {("testing", "eu-west-1", SIGNED_AS.get(kind, kind))}


def test_a_targets_own_address_goes_before_all_others(lab, aws):
    lab.put(KEY, make_small_lines(range(8)))
    function = lab.forwarder(AWS_ENDPOINT_URL_SQS=lab.sink.url, **setup(aws, "sqs"))
    assert invoke(function).failures == []

    assert sorted(arrived(aws)) == list(range(8)) and lab.sink.requests == []


@pytest.mark.parametrize("kind", CALLED)
def test_no_secret_and_no_click_is_logged(lab, aws, kind):
    """Not even if the service's error repeats the request."""
    aws.script = [Error("InternalFailure", 500)]
    bad, repeats = is_number(5), "Value '{}' failed to satisfy constraint"
    refuse = lambda call: Error("ValidationException", 400, repeats.format(call.entries[0].text))
    aws.refuse = lambda call: refuse(call) if any(map(bad, call.entries)) else None
    lab.put(KEY, make_small_lines(range(8)))
    own = {"AWS_SECRET_ACCESS_KEY": "function-secret", "AWS_SESSION_TOKEN": "function-token", "AWS_ENDPOINT_URL_STS": aws.url}
    function = lab.forwarder(LOG_LEVEL="trace", **own, **setup(aws, kind, ROLE_ARN=ROLE, ROLE_EXTERNAL_ID="external-1"))
    invoke(function, timeout=20)

    assert len(aws.sending()) > 1 and aws.sts.issued
    for secret in ("function-secret", "function-token", "assumed-secret", "assumed-token", "external-1", "tag-0", "tag-5"):
        assert secret not in function.output()


@pytest.mark.parametrize("kind", CALLED)
@pytest.mark.parametrize("code", ["InvalidSignatureException", "AccessDeniedException", "Odd"])
def test_an_error_that_repeats_the_credentials_shows_none_of_them(lab, aws, kind, code):
    token = "IQoJb3JpZ2luX2VjEJr/wEaCXVzLWVhc3QtMSJHMEUCIQDq4Z" * 3
    says = f"does not match. The Canonical String should have been: x-amz-security-token:{token} Credential=AKIDSHOWN/2026"
    aws.refuse = lambda _: Error(code, 403, says)
    own = {"AWS_ACCESS_KEY_ID": "AKIDSHOWN", "AWS_SECRET_ACCESS_KEY": "function-secret", "AWS_SESSION_TOKEN": token}
    lab.put(KEY, make_small_lines(range(2)))
    function = lab.forwarder(**own, **setup(aws, kind))
    invoke(function, timeout=20)

    said = function.output()
    assert code in audit(function)["cause"]
    for secret in ("AKIDSHOWN", token[:8], token[20:28], token[-8:]):
        assert secret not in said


def test_check_shows_a_target_without_its_external_id(lab):
    run = lab.command("check", **target("sqs", ROLE_ARN=ROLE, ROLE_EXTERNAL_ID="external-1", REGION="ap-southeast-2"))

    shown = (run.stdout + run.stderr).decode()
    assert run.returncode == 0, shown
    assert ROLE in shown and "ap-southeast-2" in shown and QUEUE in shown and "external-1" not in shown


def test_one_file_goes_to_every_kind_at_once(lab, aws):
    lab.s3.create_bucket(Bucket="lake", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    lab.put(KEY, make_small_lines(range(1000)))
    settings = {"TARGETS": ",".join(f"to{kind}" for kind in [*CALLED, "s3"]), "HOOK_KIND": None, "HOOK_URL": None}
    for kind in CALLED:
        settings |= named(f"to{kind}", kind, ENDPOINT_URL=aws.url)
    function = lab.forwarder(**settings, **named("tos3", "s3"))
    assert invoke(function, timeout=60).failures == []

    assert Counter(aws.ids) == Counter({click["id"]: len(CALLED) for click in lab.forms(KEY)})
    assert [(line["read"], line["sent"]) for line in audit_lines(function.output())] == [(1000, 1000)] * 8


# Lambda


def test_a_function_is_called_with_the_clicks_and_the_name_of_their_file(lab, aws):
    answer, _ = forward(lab, aws, "lambda", count=300)

    assert answer.failures == []
    assert {call.headers["x-amz-invocation-type"] for call in aws.calls} == {"Event"}
    assert all(call.document.keys() == {"data", "key"} and call.document["key"] == "clicks" for call in aws.calls)
    assert [click for call in aws.calls for click in call.document["data"]] == lab.forms(KEY)


@pytest.mark.parametrize(
    ("named_as", "path", "query"),
    [
        ("clicks", "clicks", None),
        ("clicks:live", "clicks", "live"),
        (f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:clicks:7", f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:clicks", "7"),
    ],
    ids=["name", "with an alias", "ARN with a version"],
)
def test_a_function_may_be_named_in_every_way(lab, aws, named_as, path, query):
    assert forward(lab, aws, "lambda", FUNCTION=named_as)[0].failures == []

    [call] = aws.calls
    whole = f"/2015-03-31/functions/{named_as}/invocations"
    apart = f"/2015-03-31/functions/{path}/invocations" + (f"?Qualifier={query}" if query else "")
    assert call.path in (whole, apart)


def test_a_function_that_is_waited_for_says_which_clicks_it_wants_again(lab, aws):
    fails, times = is_number(3), []
    aws.decide = lambda call, entry: Error("failed") if fails(entry) and len(times) < 2 and not times.append(call.at) else None
    answer, function = forward(lab, aws, "lambda", INVOCATION="response")

    assert answer.failures == [] and sorted(arrived(aws)) == list(range(8))
    assert {call.headers["x-amz-invocation-type"] for call in aws.calls} == {"RequestResponse"}
    assert [len(call.entries) for call in aws.calls] == [8, 1, 1]
    assert audit(function)["sent"] == 8


@pytest.mark.parametrize("payload", [b"", b"null", b'"done"', b'{"statusCode":200}', b'{"batchItemFailures":[]}', b"done"])
def test_whatever_a_function_returns_that_names_no_failure_is_success(lab, aws, payload):
    aws.function.payload = payload
    answer, _ = forward(lab, aws, "lambda", INVOCATION="response")

    assert answer.failures == [] and len(aws.calls) == 1


def test_a_function_that_fails_for_a_moment_is_called_again(lab, aws):
    aws.script = [FunctionError("Unhandled"), FunctionError("Handled")]
    answer, function = forward(lab, aws, "lambda", INVOCATION="response")

    assert answer.failures == [] and sorted(arrived(aws)) == list(range(8))
    assert [len(call.entries) for call in aws.calls] == [8, 8, 8] and audit(function)["retries"] == 2


def test_a_function_that_always_fails_fails_the_job(lab, aws):
    aws.refuse = lambda _: FunctionError("Unhandled", message="what the function said")
    answer, function = forward(lab, aws, "lambda", timeout=5, INVOCATION="response")

    assert answer.failures == ["message-0"]
    assert len(aws.calls) > 1 and (aws.accepted, lab.quarantine()) == ([], {})
    assert "Unhandled" in audit(function)["cause"]


def test_a_function_that_is_waited_for_gets_up_to_six_megabytes(lab, aws):
    lab.put(KEY, b"".join(long_click(serial, MIB - 8192) for serial in range(12)))
    assert invoke(lab.forwarder(**setup(aws, "lambda", INVOCATION="response"))).failures == []

    assert sorted(arrived(aws)) == list(range(12)) and len(aws.calls) <= 3


# S3


def lake(lab):
    lab.s3.create_bucket(Bucket="lake", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    lab.put(KEY, make_lines(range(30)))
    return lab.forwarder(**target("s3"))


def hourly(hours, each):
    """Makes a file of clicks of so many hours, one hour after the other: more than one part."""
    clicks = [make_click(serial) for serial in range(hours * each)]
    for serial, click in enumerate(clicks):
        hour = serial // each
        click["timestamp"] = f"2026-11-{hour // 24 + 1:02}T{hour % 24:02}:30:00.{serial:06}Z"
    return b"".join(dump(click) + b"\n" for click in clicks)


def rows(lab):
    """Counts the slashtags in the lake."""
    found = Counter()
    for key in stored(lab):
        body = lab.s3.get_object(Bucket="lake", Key=key)["Body"].read()
        found.update(json.loads(line)["slashtag"] for line in gzip.decompress(body).splitlines())
    return found


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_file_that_takes_many_invocations_is_in_the_lake_once(lab, pack):
    """Parts end at the same clicks, wherever an invocation begins to read."""
    lab.s3.create_bucket(Bucket="lake", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    lab.put(KEY, pack(hourly(250, 2)))
    queue, table = lab.queue(), lab.table()
    own = target("s3", FILE="lines", RATE=3, CONCURRENCY=2)
    make = lambda: lab.forwarder(DEADLINE_MARGIN="1s", **own, **queue.variables, **table.variables)
    pump = Pump(queue, Fresh(make), 3)
    queue.send(s3_event(KEY))

    assert pump.deliver() > 1 and queue.dead == 0
    assert rows(lab) == each_once(500) and len(stored(lab)) == 250
    assert lab.quarantine() == {}


@pytest.mark.parametrize("kept", [True, False], ids=["with a table", "without a table"])
def test_a_lake_that_went_down_in_mid_file_has_every_click_once_in_the_end(lab, kept):
    lab.s3.create_bucket(Bucket="lake", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    lab.put(KEY, hourly(200, 2))
    variables = {**target("s3", FILE="lines"), **(lab.table().variables if kept else {})}
    break_down = lambda: lab.proxy.faults.append(Fault(".jsonl.gz", "PUT", None, answer=UNAVAILABLE))
    lab.proxy.faults += [Fault(".jsonl.gz", "PUT", 1, then=break_down) for _ in range(40)]
    assert invoke(lab.forwarder(**variables), timeout=5).failures == ["message-0"]
    assert 0 < len(stored(lab)) < 200
    lab.proxy.faults.clear()

    assert invoke(lab.forwarder(**variables)).failures == []
    assert rows(lab) == each_once(400) and len(stored(lab)) == 200


def stored(lab):
    pages = lab.s3.get_paginator("list_objects_v2").paginate(Bucket="lake")
    return [item["Key"] for page in pages for item in page.get("Contents", [])]


@pytest.mark.parametrize(
    "answer", [UNAVAILABLE, (503, "SlowDown"), (500, "InternalError"), (409, "ConditionalRequestConflict")], ids=lambda value: value[1]
)
def test_a_lake_that_does_not_take_an_object_now_is_asked_again(lab, answer):
    function = lake(lab)
    lab.proxy.faults.append(Fault(".parquet", "PUT", 2, answer=answer))

    assert invoke(function).failures == []
    assert len(stored(lab)) == 1 and audit(function)["retries"] == 2


def test_an_object_whose_answer_was_lost_counts_as_written(lab):
    function = lake(lab)
    lab.proxy.faults.append(Fault(".parquet", "PUT", 1, lost=True))

    assert invoke(function).failures == []
    assert len(stored(lab)) == 1
    assert len([request for request in lab.proxy.requests if request.method == "PUT"]) == 2
    assert (audit(function)["sent"], lab.quarantine()) == (30, {})


@pytest.mark.parametrize(("answer", "cure"), [(DENIED, "allow"), ((404, "NoSuchBucket"), "check")], ids=["denied", "no bucket"])
def test_a_lake_that_is_wrong_fails_the_job_at_once_and_says_what_to_do(lab, answer, cure):
    function = lake(lab)
    lab.proxy.faults.append(Fault(".parquet", "PUT", None, answer=answer))

    assert invoke(function, timeout=60).failures == ["message-0"] and audit(function)["retries"] == 0
    assert (stored(lab), lab.quarantine()) == ([], {})
    assert answer[1] in audit(function)["cause"] and cure in audit(function)["cause"]


def test_what_is_in_a_lake_is_not_forwarded_again(lab):
    """A lake in the source bucket would trigger the function with its own files."""
    lab.put(KEY, make_lines(range(3)))
    function = lab.forwarder(**target("s3", BUCKET="rebrandly-clicks", PREFIX="lake/", FILE="lines"))
    assert invoke(function).failures == []
    [written] = [item["Key"] for item in lab.s3.list_objects_v2(Bucket="rebrandly-clicks", Prefix="lake/")["Contents"]]
    before = len(lab.proxy.requests)

    assert invoke(function, key=written).failures == []
    assert [request.method for request in lab.proxy.requests[before:]].count("PUT") == 0
    assert lab.quarantine() == {}
