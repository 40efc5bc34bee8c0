"""A proxy between the forwarder and the emulator that records requests and injects faults.

It serves one request per connection, so that every request passes the fault rules.
"""

import json
import socket
import struct
import threading
from dataclasses import dataclass, field
from http.client import parse_headers
from io import BytesIO
from typing import Callable
from urllib.parse import unquote

DENIED = (403, "AccessDenied")
UNAVAILABLE = (503, "ServiceUnavailable")
# Calls that write to a table.
WRITES = ("UpdateItem", "PutItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem")


@dataclass
class Fault:
    """The fault of requests whose path ends in `key`: of the first `times` of them, or of all if None.

    `answer` replies with an error instead of asking the emulator. `cut_after` closes the connection
    after so many bytes of the body, with a reset where `reset` is set; `then` runs at that moment.
    `page` replies with these bytes, as a gateway does that does not know S3's errors. `unsized`
    leaves out the length, so that the body ends with its connection.
    `lost` lets the emulator do what is asked and closes the connection without its answer.
    `actions` takes the calls of these names instead: SQS and DynamoDB have one path for all.
    """

    key: str = ""
    method: str = "GET"
    times: int | None = 1
    answer: tuple | None = None
    page: bytes | None = None
    cut_after: int | None = None
    unsized: bool = False
    reset: bool = False
    lost: bool = False
    then: Callable | None = None
    actions: tuple = ()

    def takes(self, request):
        if self.times == 0:
            return False
        if self.actions or request.action:
            return request.action in self.actions
        return request.method == self.method and request.path.endswith(self.key)


@dataclass
class Request:
    method: str
    target: str
    headers: dict = field(default_factory=dict)
    body: bytes = b""

    @property
    def action(self):
        """Returns the operation, for example `UpdateItem`; None for S3, which has no such header."""
        return self.headers.get("x-amz-target", "").rpartition(".")[2] or None

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def path(self):
        return unquote(self.target.partition("?")[0])


class Proxy:
    def __init__(self, port):
        self.upstream = ("127.0.0.1", port)
        self.requests, self.faults = [], []
        self.lock, self.connections = threading.Lock(), 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with client, client.makefile("rb") as reader:
            try:
                self.exchange(client, reader)
            except OSError:
                pass
            finally:
                with self.lock:
                    self.connections -= 1

    def exchange(self, client, reader):
        first = reader.readline()
        if not first:
            return
        headers = parse_headers(reader)
        method, target, _ = first.decode("latin-1").split(" ", 2)
        request = Request(method, target, {name.lower(): value for name, value in headers.items()})
        if request.headers.get("expect", "").lower() == "100-continue":
            client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = read_body(reader, request.headers)
        request.body = body if request.action else b""
        fault = self.take_fault(request)
        if fault and fault.page is not None:
            client.sendall(fault.page)
            return
        if fault and fault.answer:
            client.sendall(json_error(request, *fault.answer) if request.action else s3_error(*fault.answer))
            return
        head = first + b"".join(
            f"{name}: {value}\r\n".encode("latin-1")
            for name, value in headers.items()
            if name.lower() not in ("connection", "expect")
        )
        with socket.create_connection(self.upstream) as server:
            server.sendall(head + b"Connection: close\r\n\r\n" + body)
            if fault and fault.lost:
                while server.recv(65536):
                    pass
                return
            relay(server, client, fault)

    def take_fault(self, request):
        """Records the request and returns the fault that applies to it, if any."""
        with self.lock:
            self.requests.append(request)
            for fault in self.faults:
                if fault.takes(request):
                    if fault.times is not None:
                        fault.times -= 1
                    return fault
            return None

    def reads(self, key):
        """Returns the GETs of one object, in order."""
        return [request for request in self.requests if request.method == "GET" and request.path.endswith(key)]

    def calls(self, *actions):
        """Returns the calls of these operations of SQS or DynamoDB, in order."""
        return [request.json for request in self.requests if request.action in actions]

    def close(self):
        self.listener.close()


def read_body(reader, headers):
    """Reads the body with its framing, to be passed on unchanged."""
    if "chunked" not in headers.get("transfer-encoding", ""):
        return reader.read(int(headers.get("content-length", 0)))
    framed = BytesIO()
    while True:
        line = reader.readline()
        framed.write(line)
        size = int(line.split(b";")[0], 16)
        framed.write(reader.read(size + 2) if size else b"")
        if not size:
            while (line := reader.readline()).strip():
                framed.write(line)
            framed.write(line)
            return framed.getvalue()


def relay(server, client, fault):
    """Passes the response on, byte for byte, up to where the fault cuts it."""
    with server.makefile("rb") as answer:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = answer.readline()
            if not line:
                return
            # The client must not reuse this connection.
            left_out = (b"connection:", b"content-length:") if fault and fault.unsized else (b"connection:",)
            head += b"" if line.lower().startswith(left_out) else line
        client.sendall(head[:-2] + b"Connection: close\r\n\r\n")
        left = fault.cut_after if fault else None
        while chunk := answer.read1(65536 if left is None else min(65536, left)):
            client.sendall(chunk)
            if left is not None:
                left -= len(chunk)
                if left == 0:
                    break
    if fault and fault.then:
        fault.then()
    if fault and fault.reset:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def s3_error(status, code, message="by the fault proxy"):
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'.encode()
    head = f"HTTP/1.1 {status} {code}\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


def json_error(request, status, code):
    """Sends an error in the JSON of SQS and DynamoDB."""
    body = json.dumps({"__type": f"com.amazonaws#{code}", "message": "by the fault proxy"}).encode()
    head = f"HTTP/1.1 {status} {code}\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"Connection: close\r\n\r\n" + body
