"""What comes back from an invocation, and what the function wrote meanwhile."""

import json
from dataclasses import dataclass


@dataclass
class Answer:
    """The bytes of one answer, and whether Lambda would count the invocation as failed."""

    body: bytes
    failed: bool

    @classmethod
    def of(cls, body, failed=False):
        """A handler's error is an answer too; the emulator tells it only by its members."""
        try:
            document = json.loads(body)
        except ValueError:
            return cls(body, True)
        return cls(body, failed or (isinstance(document, dict) and "errorType" in document))

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def failures(self):
        """The message ids that SQS will hand out again."""
        assert not self.failed, f"the whole invocation failed: {self.body.decode()}"
        return [item["itemIdentifier"] for item in self.json["batchItemFailures"]]


def log_lines(text):
    """The structured lines of a log, each flattened, whichever level the logger nests its fields at."""
    for line in text.splitlines():
        try:
            document = json.loads(line)
        except ValueError:
            continue
        if isinstance(document, dict):
            fields = document.get("fields")
            yield {**document, **fields} if isinstance(fields, dict) else document


def audit_lines(text):
    """One line an object and target: the books of the run."""
    return [line for line in log_lines(text) if "target" in line and "read" in line]


def assert_conserved(text):
    """Nothing that was read may vanish: rule 7 of the design, held after every test."""
    for line in audit_lines(text):
        parts = {name: line[name] for name in ("sent", "filtered", "quarantined", "failed")}
        assert line["read"] == sum(parts.values()), f"the books do not balance: {line}"
