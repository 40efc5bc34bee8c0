"""An HTTP target on plain sockets whose connections break, stall and send malformed responses.

Each fault is a function of one exchange. Clicks may be duplicated only if the target accepted them before the
fault, so each fault calls `take` if it did.
"""

import datetime
import ipaddress
import socket
import ssl
import struct
import threading
import time
from dataclasses import dataclass
from http.client import parse_headers

import sink
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from process import kept_port, port_of
from proxy import read_body

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Exchange:
    """One request and its connection; `target` records the accepted clicks."""

    target: object
    client: socket.socket
    request: sink.Request | None = None

    def take(self):
        self.target.note(self.request.clicks)

    def send(self, data):
        self.client.sendall(data)

    def reset(self):
        """Ends the connection with RST instead of FIN."""
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class FaultTarget:
    """Applies `fault` to the first `times` requests (to all if None), and accepts the later ones."""

    def __init__(self, fault=None, times=0, certificate=None):
        self.fault, self.times = fault, times
        self.taken, self.requests = [], 0
        self.lock, self.stopped = threading.Lock(), threading.Event()
        self.tls = certificate and context(certificate)
        self.kept = kept_port()
        self.open()
        self.address = f"://127.0.0.1:{port_of(self.kept)}/clicks"

    def open(self):
        self.listener = socket.create_server(self.kept.getsockname())
        threading.Thread(target=self.listen, args=(self.listener,), daemon=True).start()

    def shut(self):
        """Stops listening, but keeps the port; `open` listens on it again."""
        # A thread blocked in `accept` would keep the port open.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def repair(self):
        with self.lock:
            self.times, self.tls = 0, None
        if self.listener.fileno() < 0:
            self.open()

    def listen(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        try:
            with self.tls.wrap_socket(client, server_side=True) if self.tls else client as stream, stream.makefile("rb") as reader:
                while self.exchange(stream, reader):
                    pass
        except OSError:
            pass

    def exchange(self, client, reader):
        """Returns true if the connection stays open."""
        first = reader.readline()
        if not first.endswith(b" HTTP/1.1\r\n"):
            return False
        headers = {name.lower(): value for name, value in parse_headers(reader).items()}
        method, path, _ = first.decode("latin-1").split(" ", 2)
        request = sink.Request(method, path, headers, read_body(reader, headers), time.monotonic())
        exchange = Exchange(self, client, request)
        if self.is_faulty():
            return self.fault(exchange)
        exchange.take()
        exchange.send(OK)
        return True

    def is_faulty(self):
        """Counts the request and returns the fault that applies to it, if any."""
        with self.lock:
            self.requests += 1
            faulty = self.fault is not None and self.times != 0
            if faulty and self.times is not None:
                self.times -= 1
            return faulty

    def note(self, clicks):
        with self.lock:
            self.taken += clicks

    def close(self):
        self.stopped.set()
        if self.listener.fileno() >= 0:
            self.shut()
        self.kept.close()


def says(data, *, taken, pause=0):
    """Returns a fault that sends these bytes, in pieces if `pause` is set, and closes the connection."""

    def fault(exchange):
        if taken:
            exchange.take()
        for piece in data if isinstance(data, list) else [data]:
            exchange.send(piece)
            if exchange.target.stopped.wait(pause):
                break

    return fault


def status(code, **headers):
    """Returns a fault that sends a response without a body and keeps the connection open."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())

    def fault(exchange):
        exchange.send(f"HTTP/1.1 {code} Status\r\n{lines}Content-Length: 0\r\n\r\n".encode())
        return True

    return fault


def resets(*, taken):
    def fault(exchange):
        if taken:
            exchange.take()
        exchange.reset()

    return fault


def stalls(*, taken):
    def fault(exchange):
        if taken:
            exchange.take()
        exchange.target.stopped.wait(30)

    return fault


def overruns(exchange):
    """Sends more bytes than announced, on a connection that stays open."""
    exchange.take()
    exchange.send(OK + b"and what nobody asked for")
    return True


def context(certificate):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    return tls


def self_signed(folder):
    """Writes a self-signed certificate for 127.0.0.1 and its key; returns the path of the file."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = made.add_extension(alternative, critical=False).sign(key, hashes.SHA256())
    kind = serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption())
    path = folder / "certificate.pem"
    path.write_bytes(signed.public_bytes(serialization.Encoding.PEM) + secret)
    return path
