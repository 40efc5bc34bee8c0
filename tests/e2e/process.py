"""Starting, watching and ending the programs of a test. Standard library only: `invoke.py` uses it too."""

import os
import socket
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FORWARDER = Path(os.environ.get("FORWARDER_BIN") or ROOT / "target/debug/forwarder")
CLICKSTREAM = Path(os.environ.get("CLICKSTREAM_BIN") or ROOT / "target/debug/clickstream")


def require(binary):
    """The binary as an absolute path, since some are started with another working directory."""
    if not binary.exists():
        raise FileNotFoundError(f"{binary} is not there: run `cargo build --bins`, or name another in FORWARDER_BIN or CLICKSTREAM_BIN")
    return str(binary.resolve())


def environment(**variables):
    """Only what is named here: a proxy or a profile of the developer's machine must not change a test."""
    base = {
        "PATH": os.environ.get("PATH", ""),
        "AWS_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "RUST_BACKTRACE": "1",
    }
    return {name: str(value) for name, value in {**base, **variables}.items() if value is not None}


def kept_port():
    """A bound socket that does not listen: until it is closed Linux gives its port to nobody who asks for any port,
    and who connects to it is refused. A server that is told the number and sets SO_REUSEADDR can listen there meanwhile.
    """
    kept = socket.socket()
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    kept.bind(("127.0.0.1", 0))
    return kept


def port_of(kept):
    return kept.getsockname()[1]


def wait_until(happened, what, seconds=30):
    """Polls, because a started program does not say when it is ready."""
    deadline = time.monotonic() + seconds
    while not (value := happened()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds} s for {what}")
        time.sleep(0.02)
    return value


def wait_for_port(port, process, seconds=30):
    def listening():
        if process.poll() is not None:
            raise RuntimeError(f"{process.args[0]} ended with {process.returncode} before it listened")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_until(listening, f"port {port}", seconds)


def end(process):
    """Ends one process by its own id: first asked, then forced."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
