"""What the documents tell people to paste: commands, and parameters as SAM itself reads them."""

import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from samcli.cli.types import CfnParameterOverridesType

import parameters
from cfn import ROOT, Refused, Stack, load
from test_template import EVERY_TARGET, FULL, REFUSED

EXAMPLE = ROOT / "parameters.example.yaml"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
REQUIRED = {"BucketName": "my-clicks", "HttpUrl": "https://example.com/clicks"}
BOOLEANS = ["BatchOperations", "LakeInOwnBucket", "PointInTimeRecovery", "Dashboard"]


@pytest.fixture(scope="session")
def template():
    return load()


def read_by_sam(*words):
    """Returns the parameters that SAM takes from the words after `--parameter-overrides`."""
    return CfnParameterOverridesType().convert(words, None, None)


def read_from(tmp_path, text):
    """Returns the parameters that SAM takes from a file with this text."""
    path = tmp_path / "parameters.yaml"
    path.write_text(text)
    return read_by_sam(f"file://{path}")


def filled(text, **values):
    """Writes values behind names of the file, as a person would."""
    for name, value in values.items():
        assert text.count(f"\n{name}:\n") == 1, name
        text = text.replace(f"\n{name}:\n", f"\n{name}: {value}\n")
    return text


def blocks(language):
    """Yields each page's name, and its blocks of this language as one text."""
    for page in PAGES:
        yield page.name, "".join(re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.S))


def commands():
    """Returns every line of the shell, with continued lines joined."""
    return [line.strip() for _, text in blocks("sh") for line in text.replace("\\\n", " ").splitlines()]


def overrides():
    """Yields each printed command with parameters, and the words after `--parameter-overrides`; the Makefile's too."""
    built = [line.strip(" \t&\\") for line in (ROOT / "Makefile").read_text().splitlines()]
    for line in (line for line in commands() + built if "--parameter-overrides" in line):
        words = shlex.split(line, comments=True)
        after = words[words.index("--parameter-overrides") + 1 :]
        yield line, after[: next((at for at, word in enumerate(after) if word.startswith("--")), len(after))]


# ---- The file of parameters.


def test_sam_reads_the_file_of_parameters():
    commands = tomllib.loads((ROOT / "samconfig.toml").read_text())["default"]
    assert commands["build"]["parameters"] == {"parameter_overrides": "file://parameters.yaml"}
    assert commands["deploy"]["parameters"] == {
        "stack_name": "clicks",
        "resolve_s3": True,
        "capabilities": "CAPABILITY_IAM",
        "parameter_overrides": "file://parameters.yaml",
    }


def test_the_file_as_it_comes_is_refused_before_anything_is_created(template):
    with pytest.raises(Refused, match="BucketName must be"):
        Stack(read_by_sam(f"file://{EXAMPLE}"), template)


def test_the_file_with_what_is_required_is_a_stack(template, tmp_path):
    given = read_from(tmp_path, filled(EXAMPLE.read_text(), **REQUIRED))
    assert given == {**dict.fromkeys(("RebrandlyPrincipal", "HttpBearer", "SecretArns", "AlarmEmail"), ""), "NoClicksMinutes": "0", **REQUIRED}
    assert Stack(given, template).parameters == Stack(REQUIRED, template).parameters


def test_each_line_of_the_file_that_is_commented_out_can_be_used(template, tmp_path):
    text = filled(EXAMPLE.read_text(), **REQUIRED)
    lines = re.findall(r"^#([A-Z][A-Za-z]+): (.*)$", text, re.M)
    assert len(lines) > 3
    for name, value in lines:
        given = read_from(tmp_path, text.replace(f"#{name}:", f"{name}:"))
        assert Stack(given, template).parameters[name].lower() == value


def test_a_name_without_a_value_clears_the_parameter(tmp_path):
    assert read_from(tmp_path, "AlarmEmail:\nHttpUrl: https://example.com/\n") == {"AlarmEmail": "", "HttpUrl": "https://example.com/"}


@pytest.mark.parametrize("name", BOOLEANS)
def test_yamls_true_and_false_are_those_of_the_template(name, template, tmp_path):
    made = {}
    for value in ("true", "false"):
        given = read_from(tmp_path, f"BucketName: my-clicks\nHttpUrl: https://example.com/\n{name}: {value}\n")
        made[value] = Stack(given, template)
        plain = Stack({"BucketName": "my-clicks", "HttpUrl": "https://example.com/", name: value}, template)
        assert (made[value].resources, made[value].outputs) == (plain.resources, plain.outputs)
    assert made["true"].resources != made["false"].resources


def test_every_parameter_that_is_true_or_false_is_among_them(template):
    assert [name for name, spec in template["Parameters"].items() if "true" in spec.get("AllowedValues", [])] == BOOLEANS


def test_a_list_of_the_file_is_a_list_of_the_template(template, tmp_path):
    one, other = FULL["SecretArns"].split(",")
    text = f"BucketName: my-clicks\nHttpUrl: https://example.com/\nSecretArns:\n  - {one}\n  - {other}\n"
    assert Stack(read_from(tmp_path, text), template).parameters["SecretArns"] == FULL["SecretArns"]


# ---- What is said about a file before it is deployed.


def said(capsys, path):
    """Returns the code and the words with which the check of a file ends."""
    try:
        parameters.main(path)
    except SystemExit as end:
        return 1, str(end.code)
    return 0, capsys.readouterr().out


def test_a_file_that_fits_is_summed_up(tmp_path, capsys):
    path = tmp_path / "parameters.yaml"
    path.write_text(filled(EXAMPLE.read_text(), **REQUIRED))
    assert said(capsys, path) == (0, f"{path} fits the template: bucket my-clicks (new), targets hook, alarms to nobody\n")


def test_a_name_that_sam_would_leave_out_is_a_mistake_with_its_neighbour(tmp_path, capsys):
    path = tmp_path / "parameters.yaml"
    path.write_text(filled(EXAMPLE.read_text(), **REQUIRED) + "AlarmEmali: a@example.com\nColour: red\n")
    code, text = said(capsys, path)
    assert code == 1 and text.splitlines() == [
        f"2 mistakes in {path}:",
        "  AlarmEmali is no parameter of the template; AlarmEmail is",
        "  Colour is no parameter of the template",
    ]


@pytest.mark.parametrize("case", list(REFUSED))
def test_a_mistake_names_its_parameter_and_the_value_found(case, template):
    given, _ = REFUSED[case]
    [text] = parameters.mistakes(given, template)
    name, *_ = text.split()
    assert any(one in text for one in [*template["Parameters"], "AlarmEmali"]), text
    if " must be " in text and given.get(name):
        is_secret = template["Parameters"][name].get("NoEcho")
        assert text.endswith(f", and is {given[name]}") or is_secret, text


SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:clicks/hook"


@pytest.mark.parametrize(
    ("reference", "granted", "is_readable"),
    [
        ("secretsmanager:clicks/hook", {"SecretArns": SECRET + "-AbCdEf"}, True),
        ("secretsmanager:clicks/hook#token", {"SecretArns": SECRET + "-??????"}, True),
        (f"secretsmanager:{SECRET}-AbCdEf", {"SecretArns": SECRET + "-AbCdEf"}, True),
        ("secretsmanager:clicks/hook", {"SecretArns": SECRET}, False),
        ("secretsmanager:clicks/hook", {"SecretArns": SECRET + "er-AbCdEf"}, False),
        ("secretsmanager:clicks/hook", {}, False),
        ("ssm:/clicks/token", {"SsmParameterArns": "arn:aws:ssm:eu-west-1:123456789012:parameter/clicks/token"}, True),
        ("ssm:token", {"SsmParameterArns": "arn:aws:ssm:eu-west-1:123456789012:parameter/token"}, True),
        ("ssm:/clicks/token", {}, False),
        ("abc", {}, True),
    ],
)
def test_a_reference_that_the_function_may_not_read_is_a_mistake(reference, granted, is_readable, template):
    found = list(parameters.mistakes({**REQUIRED, "HttpBearer": reference, **granted}, template))
    assert bool(found) != is_readable
    assert is_readable or "HOOK_BEARER" in found[0] and next(iter(granted), "Arns does not have") in found[0]


@pytest.mark.parametrize("text", ["BucketName:my-clicks\n", "BucketName: a\nBucketName: b\n", "\tBucketName: a\n"], ids=["no blank", "twice", "tab"])
def test_a_file_that_sam_cannot_read_is_told(text, tmp_path, capsys):
    path = tmp_path / "parameters.yaml"
    path.write_text(text)
    code, words = said(capsys, path)
    assert code == 1 and str(path) in words and "a name, a colon, a blank and a value" in words


# ---- What SAM does to a value on its command line.

VALUES = {
    **{name: str(value) for name, value in {**FULL, **EVERY_TARGET}.items()},
    "LakePrefix": "clicks/",
    "AlarmTopicArn": "arn:aws:sns:eu-west-1:123456789012:alarms",
}


def free(template):
    """Returns the parameters whose values are not listed."""
    return {name: spec for name, spec in template["Parameters"].items() if "AllowedPattern" in spec}


def test_every_parameter_that_takes_text_has_a_pattern(template):
    text = {name for name, spec in template["Parameters"].items() if spec["Type"] == "String" and "AllowedValues" not in spec}
    assert text == set(free(template)) <= set(VALUES)


def test_a_value_that_is_accepted_comes_through_sam_whole(template):
    for name in free(template):
        assert read_by_sam(f"{name}={VALUES[name]}") == {name: VALUES[name]}


@pytest.mark.parametrize("cut", [" ", '"', "\\"], ids=["blank", "quote", "backslash"])
def test_no_value_that_sam_would_cut_is_accepted(cut, template):
    for name, spec in free(template).items():
        value = VALUES[name]
        for at in range(1, len(value) + 1):
            given = f"{value[:at]}{cut}{value[at:]}"
            assert not re.fullmatch(spec["AllowedPattern"], given), f"{name} accepts {given}"


def test_what_sam_leaves_of_a_header_is_refused(template):
    given = read_by_sam(*(f"{name}={value}" for name, value in REQUIRED.items()), "HttpBearer=Bearer abc")
    assert given["HttpBearer"] == "Bearer"
    with pytest.raises(Refused, match="the token alone"):
        Stack(given, template)


def test_the_token_alone_is_sent_as_a_bearer(template):
    variables = Stack({**REQUIRED, "HttpBearer": "abc"}, template).properties("Forwarder")["Environment"]["Variables"]
    assert variables["HOOK_BEARER"] == "abc"


# ---- What is printed.


def test_every_printed_override_gives_what_it_says(template):
    """SAM's own parser reads those of `sam`. The AWS CLI divides each string of a JSON list at the first equals sign."""
    printed = list(overrides())
    assert [words for line, words in printed if line.startswith("aws ")] == [["file://parameters.json"]]
    for line, words in printed:
        if line.startswith("sam "):
            assert read_by_sam(*words) == dict(word.split("=", 1) for word in words), line
    [text] = [text for _, text in blocks("json") if "BucketName=" in text]
    [listed] = [json.loads(one) for one in re.findall(r"^\[.*\]$", text, re.M) if "BucketName=" in one]
    assert Stack(dict(word.split("=", 1) for word in listed), template).parameters["HttpUrl"] == "https://example.com/clicks"


def test_every_parameter_that_a_page_sets_exists(template):
    for page in PAGES:
        # `Name: value` and `Name=value` in backticks; a variable of the function is in capitals, and two are others' words.
        given = re.findall(r"`([A-Z][a-z]+[A-Za-z]*)(?:: |:`|=)", page.read_text())
        assert set(given) - {"Authorization", "Replacement"} <= set(template["Parameters"]), page.name


def test_every_documented_way_to_deploy_uploads_the_template():
    """CloudFormation takes at most 51,200 bytes of a template that is not on S3; samconfig.toml uploads SAM's."""
    deploys = [line for line in commands() if re.match(r"(sam|aws cloudformation) deploy\b", line)]
    assert deploys
    for line in deploys:
        assert line.startswith("sam deploy") and "--config-file" not in line or "--s3-bucket" in line, line


def test_tools_are_pinned_to_what_is_tested():
    installed = [word for line in commands() if line.startswith("pip install") for word in shlex.split(line, comments=True)[2:]]
    tested = (ROOT / "tests/template/requirements.txt").read_text() + (ROOT / "Makefile").read_text()
    assert len(installed) == 2
    for tool in installed:
        assert re.fullmatch(r"[a-z-]+==[0-9.]+", tool) and tool in tested, tool


def test_commands_can_be_pasted_as_they_stand(template):
    """Nothing in them is to be replaced: outputs of the stack are asked for, values are in the file of parameters."""
    outputs = "|".join(template["Outputs"])
    for line in commands():
        assert not re.search(r"<[A-Za-z][^>|&]*>", line), line
        assert not re.search(r"\b(123456789012|111122223333)\b", line), line
        # `"FunctionArn": …` is a member that S3 expects.
        named = re.sub(rf"output ({outputs})\b|\"({outputs})\":", "", line)
        assert not re.search(rf"(?<![A-Za-z$-])({outputs})\b", named), line


def test_no_secret_is_on_a_command_line():
    for line in commands():
        assert not re.search(r"--secret-string (?!file://)|(BEARER|TOKEN|SECRET)=[^$ ]", line), line


@pytest.mark.parametrize(("page", "text"), list(blocks("sh")), ids=lambda value: value if value.endswith(".md") else "")
def test_commands_are_sound_shell(page, text):
    # Variables of one page are used on others; a failed `cd` is seen at the prompt; an environment is no source.
    checked = [Path(sys.executable).parent / "shellcheck", "--shell=bash", "--exclude=SC1091,SC2154,SC2164", "-"]
    ran = subprocess.run(checked, input=text, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout
