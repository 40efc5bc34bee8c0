"""One S3 emulator for the session, one empty laboratory for each test."""

import os

import pytest
import rie
from emulator import Emulator
from fake_aws import FakeAws
from lab import Lab

# A profile of the developer's must not reach the clients of the tests.
os.environ.pop("AWS_PROFILE", None)


@pytest.fixture(scope="session", autouse=True)
def runtime_interface_emulator():
    """Fetched before any test, with the developer's own settings for packages."""
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
    lab.check_books()


@pytest.fixture
def aws():
    """The services that clicks are sent to. Whatever else a test looks at, their limits must be kept."""
    aws = FakeAws()
    yield aws
    aws.close()
    assert aws.broken == []


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows what its forwarders said: without it a failure cannot be read."""
    report = (yield).get_result()
    lab = getattr(item, "funcargs", {}).get("lab")
    if report.failed and lab:
        for number, function in enumerate(lab.functions):
            report.sections.append((f"output of forwarder {number}", function.output()[-8000:]))
