"""One emulator of AWS for the session, one empty `Lab` for each test."""

import os

import pytest
import rie
from emulator import Emulator
from fake_aws import FakeAws
from lab import Lab

# The developer's own AWS profile must not reach the tests' clients.
os.environ.pop("AWS_PROFILE", None)


@pytest.fixture(scope="session", autouse=True)
def runtime_interface_emulator():
    """Fetches the emulator before any test, with the developer's own pip settings."""
    return rie.emulator()


@pytest.fixture(scope="session")
def emulator(tmp_path_factory):
    emulator = Emulator(tmp_path_factory.mktemp("emulator") / "moto.log")
    yield emulator
    emulator.close()


@pytest.fixture
def lab(emulator, tmp_path):
    lab = Lab(emulator, tmp_path)
    try:
        yield lab
    finally:
        lab.close()
    lab.check_conservation()


@pytest.fixture
def aws():
    """The AWS services that clicks are sent to. Fails a test that breaks one of their limits."""
    aws = FakeAws()
    yield aws
    aws.close()
    assert aws.broken == []


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Adds the forwarders' output to the report of a failed test."""
    report = (yield).get_result()
    lab = getattr(item, "funcargs", {}).get("lab")
    if report.failed and lab:
        for number, function in enumerate(lab.functions):
            report.sections.append((f"output of forwarder {number}", function.output()[-8000:]))
