"""The variables of a target of each kind inside AWS."""

ACCOUNT = "123456789012"
QUEUE = f"https://sqs.eu-west-1.amazonaws.com/{ACCOUNT}/clicks"
TOPIC = f"arn:aws:sns:eu-west-1:{ACCOUNT}:clicks"
# The variables that a kind requires.
NEEDS = {
    "firehose": {"STREAM": "clicks"},
    "kinesis": {"STREAM": "clicks"},
    "sqs": {"QUEUE_URL": QUEUE},
    "sns": {"TOPIC_ARN": TOPIC},
    "eventbridge": {},
    "dynamodb": {"TABLE": "clicks"},
    "s3": {"BUCKET": "lake"},
    "lambda": {"FUNCTION": "clicks"},
}
# The kinds whose services `FakeAws` implements.
CALLED = [kind for kind in NEEDS if kind != "s3"]


def target(kind, **own):
    """Returns the variables of a forwarder with one target, `t`, of this kind; `own` are the target's, without the prefix."""
    return {"TARGETS": "t", "HOOK_KIND": None, "HOOK_URL": None, **named("t", kind, **own)}


def named(name, kind, **own):
    """Returns the variables of one target among several."""
    return {f"{name.upper()}_{variable}": value for variable, value in {"KIND": kind, **NEEDS[kind], **own}.items()}
