"""Evaluates template.yaml for many combinations of parameters, offline."""

import json
import re
import subprocess
from fnmatch import fnmatchcase

import pytest
import yaml

import sources
from cfn import ACCOUNT, REGION, ROOT, TEMPLATE, Inconsistent, Refused, Stack, conditions, load, refs

BUCKET = {"BucketName": "my-clicks"}
HOOK = {**BUCKET, "HttpUrl": "https://example.com/clicks"}


def arn(service, rest):
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}"


KEY = arn("kms", "key/11111111-2222-3333-4444-555555555555")

# Each target: its parameter's value, its name, its variables, its permission and the resource of it.
TARGETS = {
    "HttpUrl": ("https://example.com/clicks", "hook", {"KIND": "http", "URL": "https://example.com/clicks"}, None),
    "FirehoseStreamArn": (
        arn("firehose", "deliverystream/clicks"),
        "firehose",
        {"KIND": "firehose", "STREAM": "clicks", "REGION": REGION},
        ("firehose:PutRecordBatch", arn("firehose", "deliverystream/clicks")),
    ),
    "KinesisStreamArn": (
        arn("kinesis", "stream/clicks"),
        "kinesis",
        {"KIND": "kinesis", "STREAM": arn("kinesis", "stream/clicks")},
        ("kinesis:PutRecords", arn("kinesis", "stream/clicks")),
    ),
    "SqsQueueArn": (
        "arn:aws:sqs:us-east-1:210987654321:clicks.fifo",
        "queue",
        {"KIND": "sqs", "QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/210987654321/clicks.fifo"},
        ("sqs:SendMessage", "arn:aws:sqs:us-east-1:210987654321:clicks.fifo"),
    ),
    "SnsTopicArn": (
        arn("sns", "clicks"),
        "topic",
        {"KIND": "sns", "TOPIC_ARN": arn("sns", "clicks")},
        ("sns:Publish", arn("sns", "clicks")),
    ),
    "EventBusArn": (
        arn("events", "event-bus/clicks"),
        "bus",
        {"KIND": "eventbridge", "BUS": arn("events", "event-bus/clicks")},
        ("events:PutEvents", arn("events", "event-bus/clicks")),
    ),
    "DynamoDbTableArn": (
        arn("dynamodb", "table/clicks"),
        "table",
        {"KIND": "dynamodb", "TABLE": arn("dynamodb", "table/clicks")},
        ("dynamodb:PutItem", arn("dynamodb", "table/clicks")),
    ),
    "LakeBucket": (
        "my-lake",
        "lake",
        {"KIND": "s3", "BUCKET": "my-lake", "PREFIX": "clicks/"},
        (["s3:PutObject", "s3:GetObject"], "arn:aws:s3:::my-lake/clicks/*"),
    ),
    "LambdaFunctionArn": (
        arn("lambda", "function:enrich:live"),
        "function",
        {"KIND": "lambda", "FUNCTION": arn("lambda", "function:enrich:live")},
        ("lambda:InvokeFunction", arn("lambda", "function:enrich:live")),
    ),
}
EVERY_TARGET = {parameter: value for parameter, (value, *_) in TARGETS.items()}

FULL = {
    **BUCKET,
    **EVERY_TARGET,
    "Prefix": "2026/",
    "RebrandlyPrincipal": "arn:aws:iam::210987654321:role/clickstream-to-s3-driver",
    "KmsKeyArn": KEY,
    "ClicksDays": 400,
    "BatchOperations": "true",
    "HttpBearer": "secretsmanager:clicks/hook#token",
    "HttpSigningSecret": "ssm:/clicks/signing",
    "SettingsPath": "/clickstream-forwarder/prod/",
    "SecretArns": arn("secretsmanager", "secret:clicks/hook-AbCdEf") + "," + arn("secretsmanager", "secret:other-AbCdEf"),
    "SsmParameterArns": arn("ssm", "parameter/clicks/signing"),
    "SecretsKmsKeyArn": KEY,
    "TargetKmsKeyArns": KEY,
    "TargetRoleArn": "arn:aws:iam::210987654321:role/clicks",
    "ExtraPolicyArn": f"arn:aws:iam::{ACCOUNT}:policy/more",
    "PointInTimeRecovery": "true",
    "AlarmEmail": "clicks@example.com",
    "NoClicksMinutes": 120,
}

COMBINATIONS = {
    "least": HOOK,
    "full": FULL,
    "direct": {**HOOK, "Source": "new-direct", "MaxConcurrency": 5},
    "direct, full": {**FULL, "Source": "new-direct"},
    "EventBridge": {**HOOK, "Source": "existing-eventbridge"},
    "EventBridge, prefix": {**HOOK, "Source": "existing-eventbridge", "Prefix": "clicks/"},
    "own wiring": {**HOOK, "Source": "existing-queue"},
    "own wiring, key": {**HOOK, "Source": "existing-queue", "KmsKeyArn": KEY, "BatchOperations": "true"},
    "own lake": {**BUCKET, "LakeInOwnBucket": "true"},
    "own lake, key": {**BUCKET, "LakeInOwnBucket": "true", "KmsKeyArn": KEY},
    "settings alone": {**BUCKET, "SettingsPath": "/clicks/"},
    "settings, role": {**BUCKET, "SettingsPath": "/clicks/", "TargetRoleArn": FULL["TargetRoleArn"]},
    "alarms to a topic": {**HOOK, "AlarmTopicArn": arn("sns", "alarms")},
    "alarms without metrics": {**HOOK, "AlarmEmail": "a@example.com", "Metrics": "off"},
    "bare": {**HOOK, "Dashboard": "false", "Metrics": "off", "Architecture": "x86_64"},
    "large batches": {**HOOK, "BatchSize": 100, "BatchWindow": 30, "Timeout": 900},
    **{f"{parameter} alone": {**BUCKET, parameter: value} for parameter, value in EVERY_TARGET.items()},
}

REFUSED = {
    "no target": (BUCKET, "Set a target"),
    "no bucket": ({"HttpUrl": "https://example.com/"}, "BucketName must be"),
    "blank bucket": ({**HOOK, "BucketName": ""}, "BucketName must be"),
    "existing bucket without its name": ({"HttpUrl": "https://example.com/", "Source": "existing-queue"}, "BucketName must be"),
    "header without address": ({**BUCKET, "LakeInOwnBucket": "true", "HttpBearer": "x"}, "needs HttpUrl"),
    "signature without address": ({**BUCKET, "LakeInOwnBucket": "true", "HttpSigningSecret": "whsec_x"}, "needs HttpUrl"),
    "scheme without its token": ({**HOOK, "HttpBearer": "Bearer"}, "HttpBearer must be the token alone"),
    "scheme before the token": ({**HOOK, "HttpBearer": "Bearer abc"}, "HttpBearer must be the token alone"),
    "no URL": ({**BUCKET, "HttpUrl": "example.com"}, "must be an https URL"),
    "URL without encryption": ({**BUCKET, "HttpUrl": "http://example.com/"}, "must be an https URL"),
    "writer of an existing bucket": ({**HOOK, "Source": "existing-queue", "RebrandlyPrincipal": "210987654321"}, "policy of an existing one"),
    "lifecycle of an existing bucket": ({**HOOK, "Source": "existing-eventbridge", "ClicksDays": 30}, "lifecycle of an existing one"),
    "two lakes": ({**BUCKET, "LakeInOwnBucket": "true", "LakeBucket": "my-lake"}, "not both"),
    "lake in the source": ({**BUCKET, "LakeBucket": "my-clicks"}, "wake itself"),
    "slash before the lake": ({**BUCKET, "LakeBucket": "my-lake", "LakePrefix": "/clicks/"}, "LakePrefix must"),
    "alias of a key": ({**HOOK, "KmsKeyArn": arn("kms", "alias/clicks")}, "KmsKeyArn must be the ARN of a key"),
    "key without secrets": ({**HOOK, "SecretsKmsKeyArn": KEY}, "SecretsKmsKeyArn needs"),
    "role without settings": ({**HOOK, "TargetRoleArn": FULL["TargetRoleArn"]}, "set SettingsPath"),
    "policy without settings": ({**HOOK, "ExtraPolicyArn": FULL["ExtraPolicyArn"]}, "set SettingsPath"),
    "settings without slash": ({**HOOK, "SettingsPath": "/clicks"}, "SettingsPath must"),
    "all settings": ({**HOOK, "SettingsPath": "/"}, "SettingsPath must"),
    "all secrets": ({**HOOK, "SecretArns": "*"}, "SecretArns must"),
    "all of a region's secrets": ({**HOOK, "SecretArns": arn("secretsmanager", "secret:*")}, "SecretArns must"),
    "blank in a list": ({**HOOK, "SecretArns": arn("secretsmanager", "secret:a, b")}, "SecretArns must"),
    "ARN of another service": ({**BUCKET, "KinesisStreamArn": arn("firehose", "deliverystream/clicks")}, "Kinesis data stream"),
    "name for an ARN": ({**BUCKET, "SqsQueueArn": "clicks"}, "ARN of an SQS queue"),
    "everybody's bucket": ({**HOOK, "RebrandlyPrincipal": "*"}, "RebrandlyPrincipal must"),
    "large batch at once": ({**HOOK, "BatchSize": 50}, "BatchWindow of at least 1"),
    "silence told to nobody": ({**HOOK, "NoClicksMinutes": 60}, "somebody to tell"),
    "silence without metrics": ({**HOOK, "NoClicksMinutes": 60, "AlarmEmail": "a@example.com", "Metrics": "off"}, "Metrics to be on"),
    "two to tell": ({**HOOK, "AlarmEmail": "a@example.com", "AlarmTopicArn": arn("sns", "alarms")}, "not both"),
    "no time-out of the list": ({**HOOK, "Timeout": 30}, "Timeout must be one of 60, 120, 300, 600, 900, and is 30"),
    "one copy": ({**HOOK, "MaxConcurrency": 1}, "MaxConcurrency must be a number from 2 to 1000, and is 1"),
    "unknown name": ({**HOOK, "AlarmEmali": "a@example.com"}, "AlarmEmali is no parameter"),
    "wild prefix": ({**HOOK, "Prefix": "*"}, "Prefix must"),
}


@pytest.fixture(scope="session")
def template():
    return load()


@pytest.fixture(params=list(COMBINATIONS))
def stack(request, template):
    return Stack(COMBINATIONS[request.param], template)


def environment(stack):
    return stack.properties("Forwarder")["Environment"]["Variables"]


def role(stack):
    return {statement["Sid"]: statement for name, statement in stack.statements() if name == "Role"}


def listed(value):
    return value if isinstance(value, list) else [value]


# ---- As a text.


def test_it_has_no_anchors_which_cloudformation_refuses():
    tokens = (yaml.AnchorToken, yaml.AliasToken)
    assert not [token.start_mark for token in yaml.scan(TEMPLATE.read_text()) if isinstance(token, tokens)]


def test_everything_declared_is_used(template):
    parts = {name: part for name, part in template.items() if name != "Parameters"}
    used = set(refs(parts))
    assert set(template["Parameters"]) <= used
    assert set(template["Conditions"]) == set(conditions({name: parts[name] for name in ("Conditions", "Resources", "Outputs")}))
    assert all(json.dumps(parts["Resources"]).count(f'"{name}"') for name in template["Mappings"])


def test_every_parameter_but_the_bucket_has_a_default(template):
    assert [name for name, spec in template["Parameters"].items() if "Default" not in spec] == ["BucketName"]


def test_secrets_are_not_shown(template):
    hidden = {name for name, spec in template["Parameters"].items() if spec.get("NoEcho")}
    assert hidden == {"HttpBearer", "HttpSigningSecret"}
    assert not hidden & set(refs(template["Outputs"]))


def test_a_refusal_says_what_is_wanted(template):
    for name, spec in template["Parameters"].items():
        assert "AllowedPattern" not in spec or spec["ConstraintDescription"].startswith("must "), name


# ---- Refused before anything is created.


@pytest.mark.parametrize("case", list(REFUSED))
def test_a_wrong_combination_is_refused(case, template):
    parameters, why = REFUSED[case]
    with pytest.raises(Refused, match=re.escape(why)):
        Stack(parameters, template)


def test_every_rule_refuses_something(template):
    said = []
    for parameters, _ in REFUSED.values():
        try:
            Stack(parameters, template)
        except Refused as refused:
            said.append(str(refused))
    for rule in template["Rules"].values():
        for assertion in rule["Assertions"]:
            assert any(assertion["AssertDescription"] in one for one in said), assertion["AssertDescription"]


def test_the_evaluator_sees_what_is_not_made(template):
    broken = json.loads(json.dumps(template))
    broken["Resources"]["Role"]["Properties"]["Path"] = {"Ref": "BatchRole"}
    with pytest.raises(Inconsistent):
        Stack(HOOK, broken)


# ---- For every combination.


def test_the_combination_holds_together(stack):
    assert {"Forwarder", "Queue", "DeadLetters", "Progress", "Quarantine", "Role"} <= set(stack.resources)
    assert stack.outputs["FunctionName"]


def test_the_variables_are_the_programs(stack):
    of_none, of_kind = sources.variables()
    variables = environment(stack)
    names = variables.get("TARGETS", "").split(",") if variables.get("TARGETS") else []
    for variable in set(variables) - of_none:
        target = variable.split("_")[0]
        assert target.lower() in names, f"{variable} is neither a variable of the program nor of one of the targets {names}"
        key, kind = variable.split("_", 1)[1], variables[f"{target}_KIND"]
        assert any(key == one or one.endswith("*") and key.startswith(one[:-1]) for one in of_kind[kind]), f"{kind} has no {key}"
    for name in names:
        assert not [word for word in sources.reserved() if f"{word}_".startswith(f"{name.upper()}_")], f"{name} is reserved"


def test_all_targets_or_none_are_named(stack):
    """Every `_KIND` belongs to a target that TARGETS names."""
    named = {f"{name.upper()}_KIND" for name in environment(stack).get("TARGETS", "").split(",") if name}
    assert named == {variable for variable in environment(stack) if variable.endswith("_KIND")}
    assert named or "SETTINGS_PATH" in environment(stack)


def test_no_statement_is_for_everything(stack):
    for name, statement in stack.statements():
        if statement["Effect"] == "Deny":
            assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}, name
            continue
        assert "*" not in str(statement.get("Principal", "")), (name, statement)
        assert not [action for action in listed(statement["Action"]) if "*" in action], (name, statement)
        for resource in listed(statement.get("Resource", "trust")):
            if resource == "trust":
                assert statement["Action"] == "sts:AssumeRole" and name in ("Role", "BatchRole")
                continue
            own = resource.split(":", 5)[5].split("*")[0]
            assert resource.startswith("arn:aws:") and len(own.strip("/")) > 3, f"{name} may {statement['Action']} on {resource}"


def test_a_service_may_act_for_this_account_alone(stack):
    for name, statement in stack.statements():
        service = statement.get("Principal", {}).get("Service") if statement["Effect"] == "Allow" else None
        if service and service != "lambda.amazonaws.com":
            assert "aws:Source" in json.dumps(statement["Condition"]), (name, statement)
    for permission in stack.of_type("AWS::Lambda::Permission").values():
        assert permission["SourceAccount"] == ACCOUNT and permission["SourceArn"] == "arn:aws:s3:::my-clicks"


def test_the_role_has_no_policy_of_sams_making(stack):
    function = stack.properties("Forwarder")
    assert function["Role"] == stack.outputs["RoleArn"]
    assert "Policies" not in function


# Statements of the role that `clickstream iam` does not print: the log, Lambda's own calls, keys, and targets that only
# the settings name.
BEYOND = {"Logs", "DeadLetters", "Key", "SecretsKey", "TargetKeys", "TargetRole", "Settings"}


def test_the_role_is_the_policy_that_the_program_asks_for(stack):
    variables = environment(stack)
    # `clickstream` would read the settings from AWS; without them it needs a target.
    if variables.pop("SETTINGS_PATH", None) and "TARGETS" not in variables:
        variables |= {"TARGETS": "out", "OUT_KIND": "stdout"}
    had, wanted = set(), set()
    for sid, statement in role(stack).items():
        if sid not in BEYOND:
            had |= pairs(statement)
    for statement in sources.policy(variables):
        if not statement["Sid"].startswith("Logs"):
            wanted |= pairs(statement)
    # AWS appends six letters to a secret's name in its ARN.
    covers = lambda mine, theirs: mine[0] == theirs[0] and fnmatchcase(theirs[1].replace("??????", "AbCdEf"), mine[1])
    assert not [one for one in wanted if not any(covers(mine, one) for mine in had)], "not granted"
    # For a target that only the settings name.
    other = ("secretsmanager:GetSecretValue", arn("secretsmanager", "secret:other-AbCdEf"))
    assert not [one for one in had - {other} if not any(covers(one, theirs) for theirs in wanted)], "granted for nothing"


def pairs(statement):
    return {(action, resource) for action in listed(statement["Action"]) for resource in listed(statement["Resource"])}


def test_statements_are_told_apart(stack):
    sids = [statement["Sid"] for name, statement in stack.statements() if name == "Role" and "Sid" in statement]
    assert len(sids) == len(set(sids))


def test_data_outlives_the_stack(stack):
    for name, item in stack.resources.items():
        if item["Type"] == "AWS::S3::Bucket":
            assert item["DeletionPolicy"] == "RetainExceptOnCreate" and item["UpdateReplacePolicy"] == "Retain", name
        elif item["Type"] in ("AWS::DynamoDB::Table", "AWS::SQS::Queue", "AWS::Logs::LogGroup"):
            assert item["DeletionPolicy"] == "Delete", f"{name} does not say what becomes of it"


def test_buckets_are_closed_encrypted_and_have_versions(stack):
    key = stack.parameters["KmsKeyArn"]
    for name, bucket in stack.of_type("AWS::S3::Bucket").items():
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}, name
        assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        rule, = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        expected = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key} if key else {"SSEAlgorithm": "AES256"}
        assert rule["ServerSideEncryptionByDefault"] == expected
        policy, = (policy for policy in stack.of_type("AWS::S3::BucketPolicy").values() if policy["Bucket"] == bucket_name(stack, name))
        assert policy["PolicyDocument"]["Statement"][0]["Sid"] == "TlsOnly"


def bucket_name(stack, name):
    return stack.value({"Ref": name})


def test_what_the_function_writes_never_wakes_it(stack):
    assert "NotificationConfiguration" not in stack.properties("Quarantine")
    written = [listed(one["Resource"]) for one in role(stack).values() if "s3:PutObject" in listed(one["Action"])]
    assert not [arn for arns in written for arn in arns if arn.startswith("arn:aws:s3:::my-clicks/")]


@pytest.mark.parametrize("timeout", [60, 120, 300, 600, 900])
@pytest.mark.parametrize("window", [0, 1, 300])
def test_a_message_stays_away_for_six_times_the_timeout(timeout, window, template):
    stack = Stack({**HOOK, "Timeout": timeout, "BatchWindow": window}, template)
    assert stack.properties("Queue")["VisibilityTimeout"] == 6 * timeout + (300 if window else 0)


def test_the_mapping_is_as_lambda_asks(stack):
    function, queue = stack.properties("Forwarder"), stack.properties("Queue")
    mapping = function["Events"]["Clicks"]["Properties"]
    window = int(mapping["MaximumBatchingWindowInSeconds"])
    assert queue["VisibilityTimeout"] >= 6 * int(function["Timeout"]) + window
    assert queue["VisibilityTimeout"] <= 43_200
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ScalingConfig"]["MaximumConcurrency"] == environment(stack)["MAX_CONCURRENCY"]
    assert int(mapping["BatchSize"]) <= 10 or window >= 1
    assert function["RecursiveLoop"] == "Allow"


def test_dashboard_and_alarms_name_metrics_that_exist(stack):
    namespace, of_function, of_target = sources.metrics()
    function = stack.value({"Ref": "Forwarder"})
    for name, alarm in stack.of_type("AWS::CloudWatch::Alarm").items():
        assert alarm["AlarmActions"] and len(alarm["AlarmDescription"]) > 20
        assert int(alarm["EvaluationPeriods"]) * int(alarm.get("Period", 300)) <= 86_400, name
        if "Metrics" in alarm:
            query = alarm["Metrics"][0]["Expression"]
            metric, space, named = re.match(r'SELECT \w+\((\w+)\) FROM SCHEMA\((\w+), "Function", "Target"\) WHERE "Function" = \'(.*?)\' ', query).groups()
            assert metric in of_target and space == namespace and named == function
            assert re.search(r'GROUP BY "Target" ORDER BY (SUM|MAX)\(\) DESC$', query)
        elif not alarm["Namespace"].startswith("AWS/"):
            assert alarm["Namespace"] == namespace and alarm["MetricName"] in of_function, name
            assert alarm["Dimensions"] == [{"Name": "Function", "Value": function}]
    for board in stack.of_type("AWS::CloudWatch::Dashboard").values():
        body = json.loads(board["DashboardBody"])
        text = board["DashboardBody"]
        searched = re.findall(r'SEARCH\(\'\{(\w+),Function,Target\} Function=\\"(.*?)\\" MetricName=\\"(\w+)\\"', text)
        assert len(searched) == text.count("SEARCH(")
        assert all(space == namespace and named == function and metric in of_target for space, named, metric in searched)
        shown = set()
        for widget in body["widgets"]:
            space = metric = None
            for row in widget["properties"].get("metrics", []):
                if isinstance(row[0], str):
                    space = space if row[0] == "." else row[0]
                    metric = metric if row[1] == "." else row[1]
                    assert space.startswith("AWS/") or space == namespace and metric in of_function, row
                    shown.add(metric)
        assert {"Clicks", "Bots", "BadRecords", "ObjectsLost"} <= shown
        assert {metric for *_, metric in searched} >= {"Sent", "Failed", "Lag", "Quarantined"}


# ---- For every kind of target.

# Kinds outside AWS need no permission: settings and secrets carry them, and the template stays as it is.
OUTSIDE_AWS = {"http"}


def targets_by_kind(template):
    """Maps each kind that the template knows to its target's name and the condition under which it is on."""
    kinds = {}
    for variable, value in template["Resources"]["Forwarder"]["Properties"]["Environment"]["Variables"].items():
        if variable.endswith("_KIND"):
            condition, kind, _ = value["Fn::If"]
            kinds[kind] = (variable.removesuffix("_KIND").lower(), condition)
    return kinds


def parameters_of(condition, template):
    """The parameters that a condition depends on, through other conditions too."""
    node = template["Conditions"][condition]
    return set(refs(node)).union(*(parameters_of(name, template) for name in conditions(node)))


def granted_under(condition, template):
    """The statements that the role has only where the condition holds."""
    statements = template["Resources"]["Role"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    return [one["Fn::If"][1] for one in statements if one.get("Fn::If", [""])[0] == condition]


def test_every_kind_inside_aws_has_its_parameter_condition_variables_and_permission(template):
    kinds = targets_by_kind(template)
    assert set(kinds) == sources.inside_aws() | OUTSIDE_AWS
    assert {variables["KIND"] for _, _, variables, _ in TARGETS.values()} == set(kinds), "the table TARGETS above has a row for each"
    named = template["Resources"]["Forwarder"]["Properties"]["Environment"]["Variables"]["TARGETS"]["Fn::If"]
    for kind, (target, condition) in kinds.items():
        parameters = parameters_of(condition, template)
        assert parameters and parameters & set(TARGETS), f"no parameter turns {kind} on"
        assert parameters <= set(refs(template["Rules"]["HasTarget"])), f"the rule HasTarget does not know {kind}"
        assert condition in set(conditions(template["Conditions"]["HasTargets"])), f"HasTargets does not know {kind}"
        assert {"Fn::If": [condition, target, {"Ref": "AWS::NoValue"}]} in named[1]["Fn::Join"][1], f"TARGETS does not name {target}"
        assert len(granted_under(condition, template)) == (kind not in OUTSIDE_AWS), f"the role's statements for {kind}"


# ---- One by one.


@pytest.mark.parametrize("parameter", list(TARGETS))
def test_a_target_brings_its_variables_and_its_one_permission(parameter, template):
    value, name, variables, permission = TARGETS[parameter]
    stack, none = Stack({**BUCKET, parameter: value}, template), Stack({**BUCKET, "SettingsPath": "/clicks/"}, template)
    assert environment(stack)["TARGETS"] == name
    told = {variable: text for variable, text in environment(stack).items() if variable.startswith(name.upper() + "_")}
    assert told == {f"{name.upper()}_{key}": text for key, text in variables.items()}
    more = [statement for sid, statement in role(stack).items() if sid not in role(none)]
    assert [(one["Action"], one["Resource"]) for one in more] == ([permission] if permission else [])


def test_all_targets_at_once(template):
    stack = Stack({**BUCKET, **EVERY_TARGET}, template)
    assert environment(stack)["TARGETS"] == "hook,firehose,kinesis,queue,topic,bus,table,lake,function"


def test_the_lake_may_be_in_the_second_bucket(template):
    stack = Stack({**BUCKET, "LakeInOwnBucket": "true"}, template)
    second = stack.outputs["QuarantineBucket"]
    assert environment(stack)["LAKE_BUCKET"] == second and environment(stack)["LAKE_PREFIX"] == "lake/"
    assert role(stack)["Lake"]["Resource"] == f"arn:aws:s3:::{second}/lake/*"
    assert environment(stack)["QUARANTINE"] == f"s3://{second}/quarantine/"


def test_without_targets_nothing_hides_those_of_the_settings(template):
    stack = Stack({**BUCKET, "SettingsPath": "/clicks/prod/"}, template)
    assert "TARGETS" not in environment(stack)
    assert environment(stack)["SETTINGS_PATH"] == "/clicks/prod/"
    assert role(stack)["Settings"] == {
        "Sid": "Settings",
        "Effect": "Allow",
        "Action": "ssm:GetParametersByPath",
        "Resource": arn("ssm", "parameter/clicks/prod/*"),
    }


def test_secrets_named_are_secrets_granted(template):
    granted = role(Stack(FULL, template))
    assert granted["Secrets"]["Resource"] == FULL["SecretArns"].split(",")
    assert granted["SsmParameters"]["Resource"] == [FULL["SsmParameterArns"]]
    assert granted["SecretsKey"]["Resource"] == KEY and granted["TargetKeys"]["Resource"] == [KEY]
    assert granted["TargetRole"]["Resource"] == FULL["TargetRoleArn"]
    assert not {"Secrets", "SsmParameters", "SecretsKey", "TargetKeys", "TargetRole", "Settings", "Key"} & set(role(Stack(HOOK, template)))


def test_a_new_bucket_tells_the_queue(template):
    stack = Stack({**HOOK, "RebrandlyPrincipal": "210987654321"}, template)
    assert stack.properties("Clicks")["NotificationConfiguration"] == {
        "QueueConfigurations": [{"Event": "s3:ObjectCreated:*", "Queue": stack.outputs["QueueArn"]}]
    }
    bucket, = (one for name, one in stack.statements() if name == "QueuePolicy" and one["Effect"] == "Allow")
    assert bucket["Condition"]["ArnEquals"] == {"aws:SourceArn": "arn:aws:s3:::my-clicks"}
    writer = [one for name, one in stack.statements() if name == "ClicksPolicy"][1]
    assert (writer["Principal"], writer["Action"], writer["Resource"]) == ({"AWS": "210987654321"}, "s3:PutObject", "arn:aws:s3:::my-clicks/*")
    assert "ReservedConcurrentExecutions" not in stack.properties("Forwarder")


def test_or_calls_the_function(template):
    stack = Stack({**HOOK, "Source": "new-direct", "MaxConcurrency": 7}, template)
    assert set(stack.properties("Clicks")["NotificationConfiguration"]) == {"LambdaConfigurations"}
    assert stack.resources["Clicks"]["Metadata"]["After"], "the permission must be there before S3 asks"
    assert not [one for name, one in stack.statements() if name == "QueuePolicy" and one["Effect"] == "Allow"]
    function = stack.properties("Forwarder")
    assert function["ReservedConcurrentExecutions"] == "7"
    assert function["DeadLetterQueue"] == {"Type": "SQS", "TargetArn": stack.outputs["DeadLetterQueueArn"]}
    assert role(stack)["DeadLetters"]["Resource"] == stack.outputs["DeadLetterQueueArn"]


def test_an_existing_bucket_is_left_alone(template):
    for source in ("existing-eventbridge", "existing-queue"):
        stack = Stack({**HOOK, "Source": source}, template)
        assert "Clicks" not in stack.resources and "ClicksPolicy" not in stack.resources
        assert environment(stack)["SOURCES"] == "my-clicks"


def test_eventbridge_filters_by_prefix_with_and_without_slash(template):
    stack = Stack(COMBINATIONS["EventBridge, prefix"], template)
    rule = stack.properties("ObjectCreatedRule")
    assert rule["EventPattern"]["detail"] == {
        "bucket": {"name": ["my-clicks"]},
        "object": {"key": [{"prefix": "clicks/"}, {"prefix": "/clicks/"}]},
    }
    assert rule["Targets"] == [{"Id": "queue", "Arn": stack.outputs["QueueArn"]}]
    bare = Stack(COMBINATIONS["EventBridge"], template).properties("ObjectCreatedRule")
    assert bare["EventPattern"]["detail"] == {"bucket": {"name": ["my-clicks"]}}


def test_a_prefix_is_read_with_and_without_slash(template):
    stack = Stack({**HOOK, "Prefix": "eu/"}, template)
    assert role(stack)["ReadClicks"]["Resource"] == ["arn:aws:s3:::my-clicks/eu/*", "arn:aws:s3:::my-clicks//eu/*"]
    assert environment(stack)["SOURCES"] == "my-clicks/eu/"


def test_alarms_need_somebody_to_tell(template):
    alarms = lambda **more: set(Stack({**HOOK, **more}, template).of_type("AWS::CloudWatch::Alarm"))
    without_counts = {"DeadLetterAlarm", "QueueAgeAlarm", "ErrorsAlarm", "ThrottlesAlarm"}
    counting = {"TargetFailsAlarm", "FilesFailAlarm", "QuarantineAlarm", "LagAlarm", "LostAlarm", "SkippedAlarm"}
    mail = {"AlarmEmail": "a@example.com"}
    assert alarms() == set()
    assert alarms(**mail) == without_counts | counting
    assert alarms(**mail, Metrics="off") == without_counts
    assert alarms(**mail, NoClicksMinutes=90) == without_counts | counting | {"SilenceAlarm"}
    topic = Stack(COMBINATIONS["alarms to a topic"], template)
    assert not topic.of_type("AWS::SNS::Topic")
    assert {tuple(alarm["AlarmActions"]) for alarm in topic.of_type("AWS::CloudWatch::Alarm").values()} == {(arn("sns", "alarms"),)}


# The property that names a resource of each type that the template has.
NAMED = {
    "AWS::S3::Bucket": "BucketName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::Events::Rule": "Name",
    "AWS::Serverless::Function": "FunctionName",
    "AWS::IAM::Role": "RoleName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::CloudWatch::Dashboard": "DashboardName",
}


def goes_off(alarm, slots):
    """Returns whether the alarm goes off, given what each of its periods counted."""
    most, needed = int(alarm["EvaluationPeriods"]), int(alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"]))
    over = [count > int(alarm["Threshold"]) for count in slots]
    return any(sum(over[max(0, end - most) : end]) >= needed for end in range(1, len(over) + 1))


@pytest.mark.parametrize("timeout", [60, 120, 300, 600, 900])
def test_one_error_that_was_retried_alarms_nobody_and_a_function_that_never_starts_does(timeout, template):
    stack = Stack({**HOOK, "AlarmEmail": "a@example.com", "Timeout": timeout, "BatchWindow": 300}, template)
    alarm, period = stack.properties("ErrorsAlarm"), int(stack.properties("ErrorsAlarm")["Period"])
    slots = [0] * (86_400 // period)
    assert not goes_off(alarm, [*slots, 7, *slots])
    # Its only message comes back after the visibility time-out.
    for at in range(0, 86_400, stack.properties("Queue")["VisibilityTimeout"]):
        slots[at // period] += 1
    assert goes_off(alarm, slots[: 3 * 3600 // period])


def test_a_resource_with_a_name_of_its_own_keeps_its_logical_name(template):
    """CloudFormation makes a resource under its new logical name before it deletes the old one, which has the same name."""
    resources = template["Resources"].items()
    named = {logical: NAMED[item["Type"]] for logical, item in resources if NAMED.get(item["Type"]) in item.get("Properties", {})}
    assert named == {"Clicks": "BucketName", "ClicksDashboard": "DashboardName"}
    board = template["Resources"]["ClicksDashboard"]["Properties"]["DashboardName"]
    assert board != {"Fn::Sub": "${AWS::StackName}-${AWS::Region}"}, "the name of a dashboard whose logical name was another"


def test_an_outage_of_three_days_survives(template):
    """On average: jitter shortens each delay by up to a quarter."""
    queue, dead = Stack(HOOK, template).properties("Queue"), Stack(HOOK, template).properties("DeadLetters")
    first, longest = sources.seconds("FIRST"), sources.seconds("LONGEST")
    delays = [min(first * 2**n, longest) for n in range(queue["RedrivePolicy"]["maxReceiveCount"] - 1)]
    day = 86_400
    assert sum(delays) * 0.875 > 3 * day
    # A dead letter keeps the age of its message.
    assert dead["MessageRetentionPeriod"] == queue["MessageRetentionPeriod"] == 14 * day
    assert dead["MessageRetentionPeriod"] - sum(delays) > 9 * day


# ---- The limits of AWS.

LONGEST_REGION = "ap-southeast-1"
LONGEST_STACK = "s" * 128
LONGEST = {
    **FULL,
    "BucketName": "b" * 63,
    "LakeBucket": "l" * 63,
    "HttpUrl": "https://" + "u" * 504,
    "HttpBearer": "a" * 300,
    "HttpSigningSecret": "whsec_" + "s" * 154,
    "Prefix": "p" * 100,
    "LakePrefix": "p" * 99 + "/",
    "SettingsPath": "/" + "p" * 98 + "/",
    "FirehoseStreamArn": f"arn:aws:firehose:{LONGEST_REGION}:{ACCOUNT}:deliverystream/" + "x" * 64,
    "KinesisStreamArn": f"arn:aws:kinesis:{LONGEST_REGION}:{ACCOUNT}:stream/" + "x" * 128,
    "SqsQueueArn": f"arn:aws:sqs:{LONGEST_REGION}:{ACCOUNT}:" + "x" * 75 + ".fifo",
    "SnsTopicArn": f"arn:aws:sns:{LONGEST_REGION}:{ACCOUNT}:" + "x" * 251 + ".fifo",
    "EventBusArn": f"arn:aws:events:{LONGEST_REGION}:{ACCOUNT}:event-bus/" + "x" * 256,
    "DynamoDbTableArn": f"arn:aws:dynamodb:{LONGEST_REGION}:{ACCOUNT}:table/" + "x" * 255,
    "LambdaFunctionArn": f"arn:aws:lambda:{LONGEST_REGION}:{ACCOUNT}:function:" + "x" * 64 + ":" + "x" * 128,
}


def test_the_longest_environment_fits(template):
    stack = Stack(LONGEST, template, LONGEST_STACK, LONGEST_REGION)
    size = sum(len(name) + len(value) for name, value in environment(stack).items())
    # Lambda allows 4,096 bytes; the margin is for its own way of counting.
    print(f"{size} bytes of variables at most")
    assert size <= 4096 - 6 * len(environment(stack))


def test_what_reaches_the_environment_has_a_longest(template):
    """Proves that the test above uses the longest values."""
    of_function = set(refs(template["Resources"]["Forwarder"]["Properties"]["Environment"]))
    for name in of_function & set(template["Parameters"]):
        spec = template["Parameters"][name]
        bounded = "MaxLength" in spec or "AllowedValues" in spec or spec["Type"] == "Number" or "{1,61}" in spec["AllowedPattern"]
        assert bounded, name
        if "MaxLength" in spec and not name.endswith("Arn"):
            assert len(LONGEST[name]) == spec["MaxLength"], name
        elif "MaxLength" in spec:
            assert len(LONGEST[name]) <= spec["MaxLength"], name


def test_the_longest_role_fits(template):
    stack = Stack(LONGEST, template, LONGEST_STACK, LONGEST_REGION)
    policy = stack.properties("Role")["Policies"][0]["PolicyDocument"]
    size = len(json.dumps(policy, separators=(",", ":")))
    print(f"{size} characters of policy")
    assert size <= 10_240


# ---- Around it.


@pytest.mark.parametrize("architecture", ["arm64", "x86_64"])
def test_the_packaged_template_takes_the_zip_beside_it(architecture, template, tmp_path):
    made = tmp_path / architecture / "template.yaml"
    command = ["make", "--silent", "-C", str(ROOT), f"PACKAGE={tmp_path}", str(made)]
    subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    packaged = load(made)
    function = packaged["Resources"]["Forwarder"]
    assert function["Properties"]["CodeUri"] == "forwarder.zip"
    assert {"Default": architecture, "AllowedValues": [architecture]}.items() <= packaged["Parameters"]["Architecture"].items()
    function["Properties"]["CodeUri"], packaged["Parameters"]["Architecture"] = ".", template["Parameters"]["Architecture"]
    assert packaged == template, "something else was changed"
