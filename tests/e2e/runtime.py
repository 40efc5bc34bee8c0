"""A small Lambda Runtime API for tests that need more control than AWS's emulator gives: the deadline of each
invocation, many invocations of one process, and that process's memory.
"""

import queue
import subprocess
import time
import uuid
from concurrent.futures import Future
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from answer import Answer
from process import FORWARDER, ROOT, end, require
from sink import body_of

API = "/2018-06-01/runtime/"
# How long a process may take to start. As in Lambda, that does not count towards an invocation's time.
START = 60
# How much longer than its time an invocation may take before it is killed. The deadline that the function is told is
# the exact one, but a busy machine may stop a process shortly before it. AWS's emulator kills at the deadline.
GRACE = 20


@dataclass
class Job:
    """One event; `taken` is when the function got it."""

    event: bytes
    timeout: float
    taken: float | None = None

    def left(self, asked):
        """Returns the seconds until the process is killed; `asked` is when the job was queued."""
        end = asked + START if self.taken is None else self.taken + self.timeout + GRACE
        return end - time.monotonic()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path != API + "invocation/next":
            return self.reply(404)
        job = self.server.jobs.get()
        if job is None:
            self.close_connection = True
            return None
        job.taken = time.monotonic()
        headers = {
            "Lambda-Runtime-Aws-Request-Id": str(uuid.uuid4()),
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + job.timeout) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-west-1:123456789012:function:forwarder",
            "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0",
            "Content-Type": "application/json",
        }
        return self.reply(200, job.event, headers)

    def do_POST(self):
        body, what = body_of(self), self.path.removeprefix(API)
        failed = what.endswith("/error")
        self.server.answers.put(Answer.of(body, failed))
        self.reply(202, b'{"status":"OK"}')

    def reply(self, status, body=b"", headers=None):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Sandbox:
    """One forwarder process and the Runtime API that it polls."""

    def __init__(self, variables, log, timeout=60, memory=256, binary=None):
        self.log, self.timeout = log, timeout
        self.api = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.api.daemon_threads, self.api.block_on_close = True, False
        self.api.jobs, self.api.answers = queue.Queue(), queue.Queue()
        Thread(target=self.api.serve_forever, args=(0.02,), daemon=True).start()
        lambdas = {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self.api.server_port}",
            "AWS_LAMBDA_FUNCTION_NAME": "forwarder",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory),
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/forwarder",
            "AWS_LAMBDA_LOG_STREAM_NAME": "test",
        }
        with open(log, "ab") as sink:
            self.process = subprocess.Popen(
                [binary or require(FORWARDER)], env={**variables, **lambdas}, cwd=ROOT, stdout=sink, stderr=sink
            )

    def invoke(self, event, timeout=None):
        """Returns the response to one event; kills a process that does not respond, as Lambda does."""
        job, asked = Job(event, timeout or self.timeout), time.monotonic()
        self.api.jobs.put(job)
        while job.left(asked) > 0:
            try:
                return self.api.answers.get(timeout=0.1)
            except queue.Empty:
                if self.process.poll() is not None and self.api.answers.empty():
                    return Answer(f"the process ended with {self.process.returncode}".encode(), True)
        self.process.kill()
        return Answer(f"no response {GRACE} s after the deadline of {job.timeout} s".encode(), True)

    def invoke_async(self, event, timeout=None):
        """Invokes without waiting; the response is the future's result."""
        future = Future()
        Thread(target=lambda: future.set_result(self.invoke(event, timeout)), daemon=True).start()
        return future

    def kill(self):
        """Kills the process, as Lambda does at the time-out."""
        self.process.kill()
        self.process.wait()

    def wait_for_exit(self, seconds=30):
        """Returns the exit code of a function that does not start, and its output with the error that it reported to Lambda."""
        code = self.process.wait(seconds)
        said = [] if self.api.answers.empty() else [self.api.answers.get().body.decode()]
        return code, self.output() + "".join(said)

    def peak_memory(self):
        """Returns the largest resident size of the process, in bytes."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError("the kernel does not tell VmHWM")

    def output(self):
        return Path(self.log).read_text(errors="replace")

    def close(self):
        end(self.process)
        self.api.jobs.put(None)
        self.api.shutdown()
        self.api.server_close()
