"""Says whether a file of parameters fits template.yaml, before anything is built or created.

SAM leaves out names that the template does not have, without a word, and nobody else notices that a secret that a
parameter names is none of those that the function may read.
"""

import difflib
import re
import sys
from fnmatch import fnmatchcase
from pathlib import Path

import click
from samcli.cli.types import CfnParameterOverridesType
from samcli.lib.config.exceptions import FileParseException

from cfn import ROOT, Refused, Stack, load


def read(path):
    """Returns the parameters as SAM reads them."""
    return CfnParameterOverridesType().convert((f"file://{path}",), None, None)


def mistakes(given, template):
    """Yields what is wrong with the parameters."""
    try:
        yield from unreadable(Stack(given, template))
    except Refused as refused:
        for reason in refused.args:
            near = difflib.get_close_matches(reason.split()[0], template["Parameters"], 1) if "is no parameter" in reason else []
            yield reason + (f"; {near[0]} is" if near else "")


def unreadable(stack):
    """Yields the references to secrets and parameters that the function may not read."""
    lists = {"secretsmanager": ("SecretArns", ":secret:", "-??????"), "ssm": ("SsmParameterArns", ":parameter/", "")}
    for variable, value in stack.properties("Forwarder")["Environment"]["Variables"].items():
        if not (reference := re.fullmatch(r"(secretsmanager|ssm):([^#]+)(#.*)?", str(value))):
            continue
        parameter, before, after = lists[reference[1]]
        name = reference[2].lstrip("/") if reference[1] == "ssm" else reference[2]
        granted = stack.parameters[parameter].split(",")
        if not any(arn == name or fnmatchcase(arn.partition(before)[2], name + after) for arn in granted):
            end = ", which ends with a hyphen and six letters" if after else ""
            yield f"{variable} is {value}, and {parameter} does not have the whole ARN of that{end}: the function could not read it"


def summary(stack):
    targets = stack.properties("Forwarder")["Environment"]["Variables"].get("TARGETS", "those of the settings")
    told = stack.parameters["AlarmEmail"] or stack.parameters["AlarmTopicArn"] or "nobody"
    return f"bucket {stack.parameters['BucketName']} ({stack.parameters['Source']}), targets {targets}, alarms to {told}"


def main(path):
    try:
        given = read(path)
    except (click.BadParameter, FileParseException) as error:
        sys.exit(f"{path} cannot be read; each line is a name, a colon, a blank and a value\n  {getattr(error, 'message', error)}")
    template = load()
    wrong = list(mistakes(given, template))
    if wrong:
        sys.exit("\n  ".join([f"{len(wrong)} mistake{'s' if len(wrong) > 1 else ''} in {path}:", *wrong]))
    print(f"{path} fits the template: {summary(Stack(given, template))}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "parameters.yaml")
