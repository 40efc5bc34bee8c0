"""Evaluates template.yaml for given parameters as CloudFormation does, as far as the tests need."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "template.yaml"

REGION, ACCOUNT, PARTITION, STACK = "eu-west-1", "123456789012", "aws", "clicks"
NOTHING = object()
"""AWS::NoValue: the property that has it is removed."""


class Refused(Exception):
    """CloudFormation refuses the parameters before it creates anything. Each argument is a reason."""

    def __str__(self):
        return "\n".join(self.args)


class Inconsistent(Exception):
    """The template refers to a resource that it does not create."""


class Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms."""


def _short(loader, suffix, node):
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        return {name: value.split(".", 1) if suffix == "GetAtt" else value}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    return {name: loader.construct_mapping(node, deep=True)}


Loader.add_multi_constructor("!", _short)


def load(path=TEMPLATE):
    return yaml.load(Path(path).read_text(), Loader)


def refs(node):
    """Yields every name that a node refers to by Ref, GetAtt or Sub."""
    if isinstance(node, dict):
        if set(node) == {"Ref"}:
            yield node["Ref"]
        elif set(node) == {"Fn::GetAtt"}:
            yield node["Fn::GetAtt"][0]
        elif set(node) == {"Fn::Sub"}:
            text, own = (node["Fn::Sub"], {}) if isinstance(node["Fn::Sub"], str) else node["Fn::Sub"]
            yield from (name.split(".")[0] for name in re.findall(r"\$\{([^!}][^}]*)\}", text) if name not in own)
            yield from refs(own)
            return
        for value in node.values():
            yield from refs(value)
    elif isinstance(node, list):
        for value in node:
            yield from refs(value)


def conditions(node):
    """Yields every condition that a node names."""
    if isinstance(node, dict):
        if isinstance(node.get("Condition"), str):
            yield node["Condition"]
        if "Fn::If" in node:
            yield node["Fn::If"][0]
        for value in node.values():
            yield from conditions(value)
    elif isinstance(node, list):
        for value in node:
            yield from conditions(value)


def unmet(spec, value):
    """Returns what a parameter must be, if the value is not that."""
    allowed = [str(one) for one in spec.get("AllowedValues", [])]
    if allowed and value not in allowed:
        return "must be one of " + ", ".join(allowed)
    if "AllowedPattern" in spec and not re.fullmatch(spec["AllowedPattern"], value):
        return spec["ConstraintDescription"]
    if len(value) > int(spec.get("MaxLength", 4096)):
        return f"must have at most {spec['MaxLength']} characters"
    if spec["Type"] == "Number":
        least, most = spec.get("MinValue", 0), spec.get("MaxValue", "inf")
        if not re.fullmatch(r"-?\d+", value) or not float(least) <= float(value) <= float(most):
            return f"must be a number from {least}" + (f" to {most}" if most != "inf" else " on")
    return None


class Stack:
    """The template with parameters. Raises Refused as CloudFormation would."""

    def __init__(self, given=None, template=None, stack=STACK, region=REGION):
        self.template = template or load()
        self.name, self.region = stack, region
        self.parameters = self._parameters(given or {})
        broken = [why for rule in self.template["Rules"].values() for why in self._broken(rule)]
        if broken:
            raise Refused(*broken)
        self.conditions = {}
        for name in self.template["Conditions"]:
            self._condition(name)
        made = lambda item: self.conditions[item["Condition"]] if "Condition" in item else True
        self.made = {name: item for name, item in self.template["Resources"].items() if made(item)}
        for name, item in self.made.items():
            after = item.get("DependsOn", [])
            for other in [after] if isinstance(after, str) else after:
                if other not in self.made:
                    raise Inconsistent(f"{name} depends on {other}, which is not made")
        self.resources = {
            name: {**item, "Properties": self.value(item.get("Properties", {})), "Metadata": self.value(item.get("Metadata", {}))}
            for name, item in self.made.items()
        }
        self.outputs = {name: self.value(item["Value"]) for name, item in self.template["Outputs"].items() if made(item)}

    def properties(self, name):
        return self.resources[name]["Properties"]

    def of_type(self, kind):
        return {name: item["Properties"] for name, item in self.resources.items() if item["Type"] == kind}

    def statements(self):
        """Yields every statement of every policy, with the name of its resource."""
        for name, item in self.resources.items():
            documents = [item["Properties"].get("PolicyDocument")]
            documents += [policy["PolicyDocument"] for policy in item["Properties"].get("Policies", [])]
            for document in filter(None, documents):
                yield from ((name, statement) for statement in document["Statement"])

    def _parameters(self, given):
        known = self.template["Parameters"]
        wrong = [f"{name} is no parameter of the template" for name in given if name not in known]
        values = {name: str(given.get(name, spec.get("Default", ""))) for name, spec in known.items()}
        for name, value in values.items():
            if expected := unmet(known[name], value):
                found = "" if known[name].get("NoEcho") or not value else f", and is {value}"
                wrong.append(f"{name} {expected}{found}")
        if wrong:
            raise Refused(*wrong)
        return values

    def _broken(self, rule):
        if "RuleCondition" not in rule or self._test(rule["RuleCondition"]):
            yield from (one["AssertDescription"] for one in rule["Assertions"] if not self._test(one["Assert"]))

    def _condition(self, name):
        if name not in self.conditions:
            self.conditions[name] = self._test(self.template["Conditions"][name])
        return self.conditions[name]

    def _test(self, node):
        (function, args), = node.items()
        if function == "Condition":
            return self._condition(args)
        if function == "Fn::Equals":
            one, other = args
            return str(self.value(one)) == str(self.value(other))
        if function == "Fn::Contains":
            many, one = args
            return str(self.value(one)) in [str(value) for value in many]
        if function == "Fn::Not":
            inner, = args
            return not self._test(inner)
        assert function in ("Fn::And", "Fn::Or"), function
        assert 2 <= len(args) <= 10, f"{function} takes two to ten conditions"
        return (all if function == "Fn::And" else any)([self._test(arg) for arg in args])

    def value(self, node):
        if isinstance(node, list):
            return [value for value in map(self.value, node) if value is not NOTHING]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            (function, args), = node.items()
            if function == "Ref":
                return self._ref(args)
            if function.startswith("Fn::"):
                return getattr(self, function.replace("Fn::", "_").lower())(args)
        values = {key: self.value(value) for key, value in node.items()}
        return {key: value for key, value in values.items() if value is not NOTHING}

    def _ref(self, name):
        pseudo = {"AWS::NoValue": NOTHING, "AWS::Region": self.region, "AWS::AccountId": ACCOUNT, "AWS::Partition": PARTITION}
        pseudo |= {"AWS::StackName": self.name, "AWS::URLSuffix": "amazonaws.com"}
        if name in pseudo:
            return pseudo[name]
        if name in self.parameters:
            return self.parameters[name]
        kind, physical = self._type(name), self._physical(name)
        if kind == "AWS::SQS::Queue":
            return f"https://sqs.{self.region}.amazonaws.com/{ACCOUNT}/{physical}"
        return self._arn(name) if kind == "AWS::SNS::Topic" else physical

    def _type(self, name):
        if name not in self.made:
            raise Inconsistent(f"{name} is not made")
        return self.made[name]["Type"]

    def _physical(self, name):
        """Returns a name as CloudFormation generates it."""
        kind = self._type(name)
        given = self.value(self.made[name].get("Properties", {}).get("BucketName", ""))
        longest = {"AWS::S3::Bucket": 63, "AWS::SQS::Queue": 80, "AWS::Serverless::Function": 64}.get(kind, 255)
        made_up = f"{self.name}-{name}"[: longest - 14] + "-" + "X" * 13
        return given or (made_up.lower() if kind == "AWS::S3::Bucket" else made_up)

    def _arn(self, name):
        forms = {
            "AWS::S3::Bucket": "s3:::{}",
            "AWS::SQS::Queue": "sqs:{r}:{a}:{}",
            "AWS::SNS::Topic": "sns:{r}:{a}:{}",
            "AWS::DynamoDB::Table": "dynamodb:{r}:{a}:table/{}",
            "AWS::Serverless::Function": "lambda:{r}:{a}:function:{}",
            "AWS::Logs::LogGroup": "logs:{r}:{a}:log-group:{}:*",
            "AWS::Events::Rule": "events:{r}:{a}:rule/{}",
            "AWS::IAM::Role": "iam::{a}:role/{}",
        }
        return f"arn:{PARTITION}:" + forms[self._type(name)].format(self._physical(name), r=self.region, a=ACCOUNT)

    def _getatt(self, args):
        name, attribute = args
        if attribute == "QueueName":
            return self._physical(name)
        assert attribute == "Arn", attribute
        return self._arn(name)

    def _if(self, args):
        condition, yes, no = args
        return self.value(yes if self._condition(condition) else no)

    def _join(self, args):
        return args[0].join(self.value(args[1]))

    def _split(self, args):
        return self.value(args[1]).split(args[0])

    def _select(self, args):
        return self.value(args[1])[int(args[0])]

    def _findinmap(self, args):
        names, first, second = map(self.value, args)
        return self.template["Mappings"][names][first][second]

    def _sub(self, args):
        text, own = (args, {}) if isinstance(args, str) else args
        own = {name: self.value(value) for name, value in own.items()}

        def one(match):
            name = match[1]
            if name.startswith("!"):
                return "${" + name[1:] + "}"
            if name in own:
                return own[name]
            return self._getatt(name.split(".", 1)) if "." in name else self._ref(name)

        return re.sub(r"\$\{([^}]+)\}", one, text)
