"""The result of an invocation, and the log lines that the function wrote during it."""

import json
from dataclasses import dataclass


@dataclass
class Answer:
    """The body of one response, and whether Lambda counts the invocation as failed."""

    body: bytes
    failed: bool

    @classmethod
    def of(cls, body, failed=False):
        """Recognises a handler's error, which the emulator marks by its members alone."""
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
        """Returns the message ids that SQS delivers again."""
        assert not self.failed, f"the whole invocation failed: {self.body.decode()}"
        return [item["itemIdentifier"] for item in self.json["batchItemFailures"]]


def log_lines(text):
    """Yields the structured lines of a log as flat objects, at whichever level the logger nests its fields."""
    for line in text.splitlines():
        try:
            document = json.loads(line)
        except ValueError:
            continue
        if isinstance(document, dict):
            fields = document.get("fields")
            yield {**document, **fields} if isinstance(fields, dict) else document


def audit_lines(text):
    """Returns the audit lines, one for each object and target."""
    return [line for line in log_lines(text) if "target" in line and "read" in line]


def assert_conserved(text):
    """Asserts that read = sent + filtered + quarantined + failed in every audit line."""
    for line in audit_lines(text):
        parts = {name: line[name] for name in ("sent", "filtered", "quarantined", "failed")}
        assert line["read"] == sum(parts.values()), f"the books do not balance: {line}"
