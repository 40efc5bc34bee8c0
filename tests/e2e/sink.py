"""An HTTP target that records every request and responds by script."""

import gzip
import json
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Event, Lock, Thread


def body_of(handler):
    """Reads the body of a request, chunked or with a content length."""
    if "chunked" not in handler.headers.get("Transfer-Encoding", ""):
        return handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
    body = b""
    while size := int(handler.rfile.readline().split(b";")[0], 16):
        body += handler.rfile.read(size)
        handler.rfile.readline()
    while handler.rfile.readline().strip():
        pass
    return body


class Turnstile:
    """Lets so many requests be answered and holds the others until more are let through, whatever the time.

    Set as the sink's `respond`. Held requests count as accepted, as those do whose response is on its way.
    """

    def __init__(self, answered):
        self.answered, self.changed = answered, Condition()

    def __call__(self, _request):
        return Reply(after=self)

    def wait(self, seconds):
        with self.changed:
            if self.changed.wait_for(lambda: self.answered > 0, seconds):
                self.answered -= 1

    def let(self, more):
        with self.changed:
            self.answered += more
            self.changed.notify_all()


@dataclass
class Reply:
    """One scripted response, sent after `delay` seconds and once `after` lets it; `silent` closes the connection instead."""

    status: int = 200
    headers: dict = field(default_factory=dict)
    delay: float = 0
    body: bytes = b""
    silent: bool = False
    after: Event | Turnstile | None = None


@dataclass
class Request:
    method: str
    path: str
    headers: dict
    body: bytes
    at: float
    status: int = 0
    # How many requests were in flight when it arrived, itself included.
    beside: int = 0

    @property
    def text(self):
        plain = gzip.decompress(self.body) if self.headers.get("content-encoding") == "gzip" else self.body
        return plain.decode()

    @property
    def json(self):
        return json.loads(self.text)

    @property
    def clicks(self):
        """Returns the clicks in the body, whichever form it has."""
        try:
            document = self.json
        except ValueError:
            return [json.loads(line) for line in self.text.splitlines()]
        if isinstance(document, list):
            return document
        return document["data"] if "data" in document else [document]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except ConnectionError:
            self.close_connection = True

    def do_POST(self):
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, body_of(self), time.monotonic())
        reply = self.server.sink.record(request)
        if reply.delay:
            time.sleep(reply.delay)
        if reply.after:
            reply.after.wait(300)
        self.server.sink.leave()
        if reply.silent:
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)

    do_PUT = do_GET = do_HEAD = do_POST

    def log_message(self, *_):
        pass


class Sink:
    """`script` holds the next replies in order; `respond` decides instead where a reply depends on the
    request; `observe` sees each request first and may shrink its body, so that a large run is not kept.
    """

    def __init__(self):
        self.requests, self.script = [], []
        self.respond = self.observe = None
        self.lock, self.in_flight = Lock(), 0
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads, self.server.block_on_close = True, False
        self.server.sink = self
        self.url = f"http://127.0.0.1:{self.server.server_port}/clicks"
        Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def record(self, request):
        with self.lock:
            self.in_flight += 1
            request.beside = self.in_flight
            reply = self.script.pop(0) if self.script else self.respond(request) if self.respond else Reply()
            request.status = 0 if reply.silent else reply.status
            if self.observe:
                self.observe(request)
            self.requests.append(request)
            return reply

    def leave(self):
        with self.lock:
            self.in_flight -= 1

    @property
    def accepted(self):
        return [request for request in self.requests if 200 <= request.status < 300]

    @property
    def clicks(self):
        """Returns the accepted clicks, in the order of arrival."""
        return [click for request in self.accepted for click in request.clicks]

    def close(self):
        self.server.shutdown()
        self.server.server_close()
