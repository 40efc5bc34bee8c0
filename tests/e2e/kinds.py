"""One target of each kind inside AWS, called `t`, as its owner would set it."""

ACCOUNT = "123456789012"
QUEUE = f"https://sqs.eu-west-1.amazonaws.com/{ACCOUNT}/clicks"
TOPIC = f"arn:aws:sns:eu-west-1:{ACCOUNT}:clicks"
# What a kind cannot do without.
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
# The kinds that `FakeAws` speaks for.
CALLED = [kind for kind in NEEDS if kind != "s3"]


def target(kind, **own):
    """The variables of a forwarder whose only target is of this kind; `own` are the target's, without their prefix."""
    return {"TARGETS": "t", "HOOK_KIND": None, "HOOK_URL": None, **named("t", kind, **own)}


def named(name, kind, **own):
    """The variables of one of several targets."""
    return {f"{name.upper()}_{variable}": value for variable, value in {"KIND": kind, **NEEDS[kind], **own}.items()}
