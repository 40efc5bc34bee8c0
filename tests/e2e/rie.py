"""The forwarder under AWS's Runtime Interface Emulator: its deadlines and crashes, without Docker.

The emulator ships inside the aws-sam-cli wheel, so a package index is enough to get it. Standard library only, since
`invoke.py` uses it too.
"""

import fcntl
import hashlib
import platform
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

from answer import Answer
from process import FORWARDER, ROOT, end, kept_port, port_of, require, wait_for_port

TOOLS = ROOT / ".tools"
VERSION = "1.170.0"
SHA256 = {
    "x86_64": "6b1e686e62ab2baf5759c412c4864276ef2a88b094fca53ec070637ccba9b9a5",
    "arm64": "ec2e5d09633d853834c008b1ef264bf834b258a94d551d2b2074966494b39a21",
}
ARCHITECTURE = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}


def emulator():
    """Returns the emulator's path. Fetches it once, also if processes ask at the same time, and verifies its checksum."""
    if platform.system() != "Linux":
        raise RuntimeError("AWS's Runtime Interface Emulator runs on Linux only")
    architecture = ARCHITECTURE[platform.machine().lower()]
    path = TOOLS / f"aws-lambda-rie-{VERSION}-{architecture}"
    if not path.exists():
        TOOLS.mkdir(exist_ok=True)
        with open(TOOLS / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():
                fetch(path, architecture)
    return str(path)


def fetch(path, architecture):
    with tempfile.TemporaryDirectory(dir=TOOLS) as scratch:
        binary = unpack(download(scratch), architecture)
        staged = Path(scratch) / path.name
        staged.write_bytes(binary)
        staged.chmod(0o755)
        staged.replace(path)


def download(folder):
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, f"aws-sam-cli=={VERSION}"]
    subprocess.run(command, check=True)
    return next(Path(folder).glob("*.whl"))


def unpack(wheel, architecture):
    with zipfile.ZipFile(wheel) as archive:
        binary = archive.read(f"samcli/local/rapid/aws-lambda-rie-{architecture}")
    found = hashlib.sha256(binary).hexdigest()
    if found != SHA256[architecture]:
        raise RuntimeError(f"aws-lambda-rie of aws-sam-cli {VERSION} has SHA-256 {found}, expected {SHA256[architecture]}")
    return binary


class Emulated:
    """One function under the emulator. Both write to `log`, or to this process's output if it is None."""

    def __init__(self, variables, log=None, timeout=60, binary=None):
        self.log, self.timeout = log, timeout
        self.kept = kept_port(), kept_port()
        self.port, runtime = map(port_of, self.kept)
        address, api = f"127.0.0.1:{self.port}", f"127.0.0.1:{runtime}"
        command = [emulator(), "--runtime-interface-emulator-address", address, "--runtime-api-address", api]
        limits = {"AWS_LAMBDA_FUNCTION_TIMEOUT": str(timeout), "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256"}
        sink = open(log, "ab") if log else None
        self.process = subprocess.Popen(
            [*command, binary or require(FORWARDER)], env={**variables, **limits}, cwd=ROOT, stdout=sink, stderr=sink
        )
        if sink:
            sink.close()
        wait_for_port(self.port, self.process)

    def invoke(self, event):
        """Returns the response to one event, given as the bytes that AWS would send."""
        url = f"http://127.0.0.1:{self.port}/2015-03-31/functions/function/invocations"
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(urllib.request.Request(url, data=event), timeout=self.timeout + 30) as response:
                return Answer.of(response.read())
        except urllib.error.HTTPError as error:
            # The emulator responds with a bare 502 if the function dies while it starts.
            return Answer(error.read() or f"HTTP {error.code}: the function did not start".encode(), True)

    def output(self):
        return Path(self.log).read_text(errors="replace") if self.log else ""

    def close(self):
        end(self.process)
        for each in self.kept:
            each.close()
