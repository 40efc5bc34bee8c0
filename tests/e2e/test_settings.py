"""Settings and secrets in AWS, the metrics of an invocation, and `check --live`."""

import json

import pytest
from answer import audit_lines
from events import BUCKET, FOLDER, dump, make_lines, s3_event, sqs_event, tags
from lab import QUARANTINE
from process import wait_until
from proxy import Fault

KEY = FOLDER + "clicks"


def event():
    return dump(sqs_event(s3_event(KEY)))


def test_a_secret_is_read_at_the_first_event_and_told_nobody(lab):
    secrets = lab.emulator.client("secretsmanager")
    secrets.create_secret(Name="clicks/hook", SecretString=json.dumps({"token": "very-hidden"}))
    lab.put(KEY, make_lines([1]))
    function = lab.forwarder(HOOK_BEARER="secretsmanager:clicks/hook#token", LOG_LEVEL="trace")

    assert function.invoke(event()).failures == []

    assert [request.headers["authorization"] for request in lab.sink.requests] == ["Bearer very-hidden"]
    assert "very-hidden" not in function.output()


def test_a_secret_that_is_missing_fails_the_event_and_not_the_process(lab):
    lab.put(KEY, make_lines([1]))
    function = lab.forwarder(HOOK_BEARER="secretsmanager:clicks/hook")

    answer = function.invoke(event())
    assert "HOOK_BEARER: secretsmanager:clicks/hook cannot be read" in answer.body.decode()

    lab.emulator.client("secretsmanager").create_secret(Name="clicks/hook", SecretString="token")
    assert function.invoke(event()).failures == []
    assert tags(lab.sink.clicks) == ["tag-1"]


def test_a_path_of_parameters_is_laid_over_the_environment(lab):
    parameters = lab.emulator.client("ssm")
    for name, value in {"HOOK_BEARER": "from-the-path", "MAX_DEPTH": "64", "HOOK_BODY": "lines"}.items():
        parameters.put_parameter(Name=f"/clicks/prod/{name}", Value=value, Type="SecureString")
    parameters.put_parameter(Name="/clicks/prod/below/HOOK_BODY", Value="nonsense", Type="String")
    lab.put(KEY, make_lines([1, 2]))

    assert lab.forwarder(SETTINGS_PATH="/clicks/prod/").invoke(event()).failures == []

    [request] = lab.sink.requests
    assert request.headers["authorization"] == "Bearer from-the-path"
    assert request.headers["content-type"] == "application/x-ndjson"


def documents(function):
    """Returns the metric documents of the log."""
    lines = (line for line in function.output().splitlines() if line.startswith('{"Function"') or '"_aws"' in line)
    return [json.loads(line) for line in lines]


def test_each_invocation_tells_its_metrics_as_its_audit_lines_do(lab):
    lab.put(KEY, make_lines(range(5)) + b"broken\n")
    function = lab.forwarder(AWS_LAMBDA_FUNCTION_NAME="forwarder")
    function.invoke(event())
    function.invoke(event())

    first, hook, second, *rest = wait_until(lambda: len(documents(function)) >= 3 and documents(function), "three documents")
    assert rest == [] and {first["Function"], hook["Function"], second["Function"]} == {"forwarder"}
    assert (first["Clicks"], first["BadRecords"], first["Objects"], first["ColdStarts"]) == (5, 1, 1, 1)
    assert (second["Objects"], second["ColdStarts"]) == (0, 0), "it was done"
    [line] = [line for line in audit_lines(function.output()) if line["target"] == "hook"]
    assert (hook["Target"], hook["Sent"], hook["Quarantined"]) == ("hook", line["sent"], line["quarantined"]) == ("hook", 5, 1)
    assert hook["Lag"] > 0 and hook["Latency"] >= 0
    directive = hook["_aws"]["CloudWatchMetrics"][0]
    assert (directive["Namespace"], directive["Dimensions"]) == ("ClickstreamForwarder", [["Function", "Target"]])


def test_metrics_can_be_left_out(lab):
    lab.put(KEY, make_lines([1]))
    function = lab.forwarder(AWS_LAMBDA_FUNCTION_NAME="forwarder", METRICS="off")
    function.invoke(event())
    assert documents(function) == []


@pytest.fixture
def stores(lab):
    """The resources that `check --live` probes beside the endpoint."""
    queue = lab.emulator.client("sqs").create_queue(QueueName="rest")["QueueUrl"]
    # The emulator's Firehose accepts a request without records, which the service refuses.
    for bucket in ("lake", "firehose"):
        lab.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    lab.emulator.client("firehose").create_delivery_stream(
        DeliveryStreamName="clicks",
        S3DestinationConfiguration={"RoleARN": "arn:aws:iam::123456789012:role/x", "BucketARN": "arn:aws:s3:::firehose"},
    )
    return {
        "PROGRESS_TABLE": lab.table().name,
        "CONTINUE_QUEUE_URL": queue,
        "TARGETS": "hook,lake,fire",
        "LAKE_KIND": "s3",
        "LAKE_BUCKET": "lake",
        "FIRE_KIND": "firehose",
        "FIRE_STREAM": "clicks",
    }


def test_everything_can_be_asked_before_deploying_and_nothing_changes(lab, stores):
    # S3's response to a conditional write of a missing object; the emulator would store it.
    lab.proxy.faults.append(Fault("clickstream-check", method="PUT", times=None, answer=(404, "NoSuchKey")))
    ran = lab.command("check", "--live", **stores)
    said = ran.stdout.decode()
    assert ran.returncode == 0, said + ran.stderr.decode()
    whats = [f"source s3://{BUCKET}/", f"quarantine s3://{QUARANTINE}/quarantine/", "progress table", "target hook", "target lake", "target fire"]
    assert all(f"ok      {what}" in said for what in whats) and "FAILED" not in said
    for bucket in (BUCKET, QUARANTINE, "lake"):
        assert "Contents" not in lab.s3.list_objects_v2(Bucket=bucket)
    assert [request.method for request in lab.sink.requests] == ["HEAD"]


def test_what_is_missing_is_named_with_its_action(lab, stores):
    lab.proxy.faults.append(Fault("clickstream-check", method="PUT", times=None, answer=(403, "AccessDenied")))
    ran = lab.command("check", "--live", **{**stores, "PROGRESS_TABLE": "nowhere", "FIRE_STREAM": "nowhere"})
    said = ran.stdout.decode()
    assert ran.returncode == 1
    failed = [line for line in said.splitlines() if line.startswith("FAILED")]
    assert [line.split("(")[0].strip() for line in failed] == [
        f"FAILED  quarantine s3://{QUARANTINE}/quarantine/",
        "FAILED  progress table",
        "FAILED  target lake",
        "FAILED  target fire",
    ], said
    assert "grant s3:PutObject" in failed[0] and "dynamodb:GetItem" in failed[1]
    assert "allow it to the function's role" in failed[2] and "check its name" in failed[3]


@pytest.mark.parametrize("write", ["new", "any"])
def test_a_table_is_asked_for_its_keys_and_keeps_what_it_has(lab, write):
    dynamodb = lab.emulator.client("dynamodb")
    names = {"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "n", "AttributeType": "N"}
    dynamodb.create_table(
        TableName=f"asked-{write}",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=names,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}],
    )
    item = {"pk": {"S": "kept"}, "n": {"N": "1"}}
    dynamodb.put_item(TableName=f"asked-{write}", Item=item)
    table = {"TARGETS": "t", "T_KIND": "dynamodb", "T_TABLE": f"asked-{write}", "T_WRITE": write}
    ran = lab.command("check", "--live", **table, T_KEY="pk=click_id", T_SORT_KEY="n=source_index")
    assert "ok      target t" in ran.stdout.decode(), ran.stdout.decode() + ran.stderr.decode()
    ran = lab.command("check", "--live", **table, T_KEY="pk=click_id")
    assert "FAILED  target t" in ran.stdout.decode() and "_SORT_KEY" in ran.stdout.decode() and ran.returncode == 1
    assert dynamodb.scan(TableName=f"asked-{write}")["Items"] == [item]


def test_a_lake_that_may_be_written_but_not_read_is_named(lab, stores):
    lab.proxy.faults.append(Fault("clickstream-check", method="PUT", times=None, answer=(404, "NoSuchKey")))
    denied = "User: x is not authorized to perform: s3:GetObject on resource: y because no identity-based policy allows it"
    lab.proxy.faults.append(Fault("lake/dt=0000-00-00/clickstream-check", method="GET", times=None, answer=(403, "AccessDenied", denied)))
    said = lab.command("check", "--live", **stores).stdout.decode()
    assert "FAILED  target lake" in said and "s3:GetObject" in said


def test_a_field_that_nobody_knows_is_told_once(lab):
    new = b'{"timestamp":"2026-11-21T23:54:50Z","client":{"ip":"192.0.2.1"},"route":{"id":"a"},"sent":{"by":1}}\n'
    lab.put(KEY, new)
    function = lab.forwarder(AWS_LAMBDA_FUNCTION_NAME="forwarder")
    function.invoke(event())
    lab.put(KEY, make_lines([1]) + new)
    function.invoke(event())
    lines = [json.loads(line) for line in function.output().splitlines() if '"unknown field' in line]
    assert [line["field"] for line in lines] == ["client.ip", "sent"]
    assert [one.get("UnknownFields") for one in documents(function) if "Objects" in one] == [2.0, None]
