"""The program's variables and the policy it needs, from the command line; its metrics, from the released documents; its
reserved names and delays, from the sources."""

import json
import os
import re
import subprocess
from functools import cache

from cfn import ACCOUNT, REGION, ROOT

SRC = ROOT / "src"
CLICKSTREAM = os.environ.get("CLICKSTREAM_BIN", ROOT / "target/debug/clickstream")


def text(path):
    return (SRC / path).read_text()


def told(*arguments, **variables):
    """Returns what `clickstream` prints with these variables alone."""
    done = subprocess.run([CLICKSTREAM, *arguments], env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def variables():
    """Returns the global variables, and those of each kind without the target's name."""
    found = json.loads(told("variables", "--json"))
    names = lambda variables: {variable["name"].removeprefix("_") for variable in variables}
    common = names(found["every_target"])
    kinds = {kind["name"]: common | names(kind["variables"]) for kind in found["kinds"]}
    return names(found["global"]), kinds


def inside_aws():
    """Returns the kinds that call AWS: those that can assume a role."""
    return {kind for kind, names in variables()[1].items() if "ROLE_ARN" in names}


def policy(configuration):
    """Returns the statements of the policy that a function with these variables needs."""
    return json.loads(told("iam", "--account", ACCOUNT, "--region", REGION, **configuration))["Statement"]


def reserved():
    """Returns the prefixes that no target's name may have."""
    return set(re.findall(r'"([A-Z]+)"', between(text("config/names.rs"), "const RESERVED", ";"))) | variables()[0]


def metrics():
    """Returns the namespace, the function's metrics, and those of each target, from the released documents."""
    documents = [json.loads(line) for line in (ROOT / "tests/data/formats/metrics.jsonl").read_text().splitlines()]
    declared = [document["_aws"]["CloudWatchMetrics"][0] for document in documents]
    by_dimensions = {}
    for one in declared:
        by_dimensions.setdefault(tuple(one["Dimensions"][0]), set()).update(metric["Name"] for metric in one["Metrics"])
    return declared[0]["Namespace"], by_dimensions[("Function",)], by_dimensions[("Function", "Target")]


def seconds(name):
    """Returns a constant of src/lambda/delays.rs, in seconds."""
    return int(re.search(rf"const {name}: Duration = Duration::from_secs\((\d+)\)", text("lambda/delays.rs"))[1])


def between(source, start, end):
    assert start in source, f"{start} is not where it was"
    rest = source.split(start, 1)[1]
    return rest.split(end, 1)[0]
