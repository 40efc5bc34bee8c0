"""Starts, watches and ends the programs of a test. Standard library only, since `invoke.py` uses it too."""

import os
import socket
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FORWARDER = Path(os.environ.get("FORWARDER_BIN") or ROOT / "target/debug/forwarder")
CLICKSTREAM = Path(os.environ.get("CLICKSTREAM_BIN") or ROOT / "target/debug/clickstream")


def require(binary):
    """Returns the binary's absolute path, since some are started in another working directory."""
    if not binary.exists():
        raise FileNotFoundError(f"{binary} is not there: run `cargo build --bins`, or name another in FORWARDER_BIN or CLICKSTREAM_BIN")
    return str(binary.resolve())


def environment(**variables):
    """Returns an environment of these variables alone, so that the developer's proxy or profile changes no test."""
    base = {
        "PATH": os.environ.get("PATH", ""),
        "AWS_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "RUST_BACKTRACE": "1",
    }
    return {name: str(value) for name, value in {**base, **variables}.items() if value is not None}


def kept_port():
    """Returns a bound socket that does not listen. Until it is closed, Linux assigns its port to no other socket and
    refuses connections to it; a server that sets SO_REUSEADDR can listen on it.
    """
    kept = socket.socket()
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    kept.bind(("127.0.0.1", 0))
    return kept


def port_of(kept):
    return kept.getsockname()[1]


def wait_until(happened, what, seconds=120):
    """Polls until `happened` returns a true value, and returns it. Raises TimeoutError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (value := happened()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds} s for {what}")
        time.sleep(0.02)
    return value


def wait_for_port(port, process, seconds=120):
    def listening():
        if process.poll() is not None:
            raise RuntimeError(f"{process.args[0]} ended with {process.returncode} before it listened")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_until(listening, f"port {port}", seconds)


def end(process):
    """Ends one process: SIGTERM, then SIGKILL after 10 s."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
