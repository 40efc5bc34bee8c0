"""Servers for measuring the function: the Runtime API, S3, DynamoDB, SQS and targets on loopback.

The servers of tests/e2e check requests; these measure time. One thread serves all of them with canned responses, and
records when each request arrived and when its response was sent.
"""

import base64
import heapq
import itertools
import math
import os
import selectors
import socket
import time
import uuid
import zlib
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

API = "/2018-06-01/runtime/"
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
# The size of a read from a socket, and of a write to one.
CHUNK = 256 * 1024
REASONS = {200: "OK", 202: "Accepted", 404: "Not Found", 501: "Not Implemented"}
clock = time.perf_counter_ns


class Loop:
    """An event loop of sockets and timers in the thread that calls `run`."""

    def __init__(self):
        self.selector = selectors.DefaultSelector()
        self.timers, self.serial = [], itertools.count()

    def listen(self, connect):
        """Listens and returns the port; `connect` makes the handler of each connection's events."""
        listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        listener.setblocking(False)

        def accept(_):
            connection, _ = listener.accept()
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.selector.register(connection, READ, connect(connection))

        self.selector.register(listener, READ, accept)
        return listener.getsockname()[1]

    def watch(self, sock, events):
        self.selector.modify(sock, events, self.selector.get_key(sock).data)

    def forget(self, sock):
        if sock.fileno() != -1:
            self.selector.unregister(sock)
            sock.close()

    def later(self, seconds, call):
        heapq.heappush(self.timers, (time.monotonic() + seconds, next(self.serial), call))

    def run(self, until, seconds, alive=lambda: True):
        """Serves until `until()` is true. Calls `alive()` after each second without an event."""
        deadline = time.monotonic() + seconds
        while not until():
            now = time.monotonic()
            if now >= deadline:
                raise TimeoutError(f"waited {seconds} s")
            first = self.timers[0][0] if self.timers else math.inf
            ready = self.selector.select(max(0.0, min(now + 1, deadline, first) - now))
            for key, mask in ready:
                key.data(mask)
            while self.timers and self.timers[0][0] <= time.monotonic():
                heapq.heappop(self.timers)[2]()
            if not ready and not alive() and not until():
                raise RuntimeError("the process ended")

    def close(self):
        for key in list(self.selector.get_map().values()):
            self.forget(key.fileobj)
        self.selector.close()


@dataclass
class Request:
    """One request. Either its body is kept, or only its line feeds are counted."""

    method: str
    path: str
    headers: dict
    since: int
    left: int
    body: bytearray = field(default_factory=bytearray)
    lines: int = 0

    @classmethod
    def parse(cls, head, since):
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if "transfer-encoding" in headers:
            raise ValueError(f"{method} {path} is chunked, which these servers do not read")
        return cls(method, path, headers, since, int(headers.get("content-length", 0)))

    def take(self, data, keeps):
        self.left -= len(data)
        if keeps:
            self.body += data
        else:
            self.lines += data.count(b"\n")


@dataclass
class Reply:
    """One response: `body`, or a range of an open `file`; sent after `delay` seconds."""

    status: int = 200
    headers: dict = field(default_factory=dict)
    body: bytes = b""
    file: int | None = None
    size: int = 0
    delay: float = 0

    def head(self):
        lines = [f"HTTP/1.1 {self.status} {REASONS.get(self.status, 'Status')}"]
        headers = {**self.headers, "Content-Length": self.size if self.file is not None else len(self.body)}
        return "\r\n".join(
            [*lines, *(f"{name}: {value}" for name, value in headers.items()), "\r\n"]
        ).encode()


class Connection:
    """One HTTP/1.1 connection, whose requests are served in order."""

    def __init__(self, server, sock):
        self.server, self.sock = server, sock
        self.since, self.buffer, self.request = 0, bytearray(), None
        self.out, self.file, self.at, self.end = b"", None, 0, 0

    def ready(self, mask):
        try:
            if mask & READ:
                self.read()
            if mask & WRITE and self.sock.fileno() != -1:
                self.write()
        except BlockingIOError:
            pass
        except ConnectionError:
            self.server.loop.forget(self.sock)

    def read(self):
        data = self.sock.recv(CHUNK)
        if not data:
            return self.server.loop.forget(self.sock)
        if self.request is None:
            self.since = self.since or clock()
            self.buffer += data
            head, found, rest = self.buffer.partition(b"\r\n\r\n")
            if not found:
                return None
            self.request, data = Request.parse(head, self.since), bytes(rest)
            self.since, self.buffer = 0, bytearray()
        self.request.take(data, self.server.keeps)
        if self.request.left <= 0:
            request, self.request = self.request, None
            self.server.serve(self, request)
        return None

    def send(self, request, reply, name):
        """Sends a response; logs the request under `name` once its last byte is sent."""
        self.out = reply.head() + reply.body
        self.file, self.at, self.end = reply.file, 0, reply.size
        self.sent = lambda: self.server.log.append(Served(name, request.since, clock()))
        try:
            self.write()
        except ConnectionError:
            self.server.loop.forget(self.sock)

    def write(self):
        try:
            while self.out:
                self.out = self.out[self.sock.send(self.out) :]
            while self.file is not None and self.at < self.end:
                self.at += os.sendfile(self.sock.fileno(), self.file, self.at, min(CHUNK, self.end - self.at))
        except BlockingIOError:
            return self.server.loop.watch(self.sock, READ | WRITE)
        self.server.loop.watch(self.sock, READ)
        return self.sent()


@dataclass
class Served:
    """A request's name, when its first byte arrived, and when the last byte of its response was sent, in nanoseconds."""

    name: str
    since: int
    done: int

    @property
    def held(self):
        return self.done - self.since


class Server:
    """An HTTP server; `answer` returns each request's name and response, or None to never respond."""

    keeps = True

    def __init__(self, loop):
        self.loop, self.log = loop, []
        self.port = loop.listen(lambda sock: Connection(self, sock).ready)
        self.url = f"http://127.0.0.1:{self.port}"

    def serve(self, connection, request):
        name, reply = self.answer(request)
        if reply is None:
            return
        if not reply.delay:
            return connection.send(request, reply, name)

        def send():
            # The client may have closed the connection by then.
            if connection.sock.fileno() != -1:
                connection.send(request, reply, name)

        return self.loop.later(reply.delay, send)

    def answer(self, request):
        raise NotImplementedError


class Target(Server):
    """A target that counts clicks, one a line; a `stalled` one reads the bytes and never responds."""

    keeps = False

    def __init__(self, loop, delay=0.0, stalled=False):
        super().__init__(loop)
        self.delay, self.stalled = delay, stalled
        self.requests = self.clicks = 0

    def answer(self, request):
        self.requests += 1
        if self.stalled:
            return "stalled", None
        self.clicks += request.lines
        return "target", Reply(200, delay=self.delay)


class Aws(Server):
    """S3 with the objects that were `put`, a table that accepts every write, and a queue.

    `delays` has seconds by the name of the call; `calls` counts them, and what is unknown under its path.
    """

    def __init__(self, loop, delays=None):
        super().__init__(loop)
        self.delays, self.objects, self.calls = delays or {}, {}, Counter()

    def put(self, bucket, key, contents):
        """Stores bytes, or a file by its path. Neither may change afterwards."""
        if isinstance(contents, Path):
            file = os.open(contents, os.O_RDONLY)
            crc, size = 0, 0
            while chunk := os.pread(file, 1 << 20, size):
                crc, size = zlib.crc32(chunk, crc), size + len(chunk)
            reply = Reply(file=file, size=size)
        else:
            crc, reply = zlib.crc32(contents), Reply(body=contents)
        reply.headers = {
            "x-amz-request-id": "4442587FB7D0A2F9",
            "Last-Modified": "Sat, 21 Nov 2026 23:56:07 GMT",
            "ETag": f'"{crc:032x}"',
            "x-amz-version-id": "Xq7vN2mTgR0cYw5LkB9sDe3HfJ1uPz8A",
            # Most objects on S3 have a checksum, which the SDK verifies.
            "x-amz-checksum-crc32": base64.b64encode(crc.to_bytes(4, "big")).decode(),
            "x-amz-checksum-type": "FULL_OBJECT",
            "Accept-Ranges": "bytes",
            "Content-Type": "application/octet-stream",
        }
        reply.delay = self.delays.get("s3:GetObject", 0)
        self.objects[f"/{bucket}/{key}"] = reply

    def answer(self, request):
        service, _, action = request.headers.get("x-amz-target", "").partition(".")
        service = "sqs" if service == "AmazonSQS" else service.partition("_")[0].lower()
        if request.method == "GET" and "range" not in request.headers:
            name, reply = "s3:GetObject", self.objects.get(unquote(request.path.partition("?")[0]))
        else:
            name = f"{service}:{action}" if service else f"{request.method} {request.path}"
            reply = self.call(name)
        self.calls[name if reply else f"{name} {request.path}"] += 1
        return name, reply or Reply(404)

    def call(self, name):
        answers = {
            "dynamodb:PutItem": b"{}",
            "sqs:SendMessage": b'{"MessageId":"5fea7756-0ea4-451a-a703-a558b933e274","MD5OfMessageBody":""}',
            "sqs:ChangeMessageVisibility": b"{}",
        }
        if name not in answers:
            return None
        headers = {"x-amzn-RequestId": "KN4R", "Content-Type": "application/x-amz-json-1.0"}
        return Reply(200, headers, answers[name], delay=self.delays.get(name, 0))

    def close(self):
        for reply in self.objects.values():
            if reply.file is not None:
                os.close(reply.file)


class RuntimeApi(Server):
    """The Runtime API of one process: serves its events, and records when, and when it responded."""

    def __init__(self, loop):
        super().__init__(loop)
        self.jobs, self.waiting = deque(), None
        # When the process first polled; when it got the last event, and responded to it.
        self.asked = self.given = self.answered = 0
        self.body, self.failed = b"", False

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def serve(self, connection, request):
        what = request.path.removeprefix(API)
        if what == "invocation/next":
            self.asked = self.asked or request.since
            self.waiting = (connection, request)
            return self.hand_out()
        self.body, self.failed = bytes(request.body), not what.endswith("/response")
        # Before the response, since that is what the function waits for.
        self.answered = request.since
        return connection.send(request, Reply(202, {}, b'{"status":"OK"}'), "response")

    def give(self, event, seconds):
        """Queues an event with its invocation's time-out, in seconds."""
        self.answered = 0
        self.jobs.append((event, seconds))
        self.hand_out()

    def hand_out(self):
        if not (self.jobs and self.waiting):
            return
        (event, seconds), (connection, request) = self.jobs.popleft(), self.waiting
        self.waiting = None
        headers = {
            "Lambda-Runtime-Aws-Request-Id": uuid.uuid4(),
            "Lambda-Runtime-Deadline-Ms": int((time.time() + seconds) * 1000),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-west-1:123456789012:function:forwarder",
            "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0",
            "Content-Type": "application/json",
        }
        connection.send(request, Reply(200, headers, event), "next")
        self.given = clock()


class Hello:
    """A port that records when the first bytes of a TLS handshake arrive, and never responds."""

    def __init__(self, loop):
        self.loop, self.came, self.first = loop, 0, b""
        self.port = loop.listen(lambda sock: lambda _: self.read(sock))

    def read(self, sock):
        try:
            data = sock.recv(CHUNK)
        except ConnectionError:
            data = b""
        if not data:
            return self.loop.forget(sock)
        if not self.came:
            self.came, self.first = clock(), data[:6]
        return None

    @property
    def is_client_hello(self):
        """Records the time of a TLS (3) handshake record (22) with a ClientHello (1)."""
        return self.first[:2] == b"\x16\x03" and self.first[5:] == b"\x01"
