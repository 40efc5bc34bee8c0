"""A target whose connections break, stall and lie: what an HTTP server library would never do is done by hand.

Each fault is a function of one exchange. Whether the target took the clicks before the fault decides
whether they may come twice, so every fault says so by calling `take` or not.
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
    """One request on its connection; `target` remembers the clicks that are taken."""

    target: object
    client: socket.socket
    request: sink.Request | None = None

    def take(self):
        self.target.note(self.request.clicks)

    def send(self, data):
        self.client.sendall(data)

    def reset(self):
        """The connection ends with RST, not with FIN."""
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class FaultTarget:
    """Meets its first `times` requests with `fault`, all of them where None, and takes what comes after."""

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
        """Nobody listens any more, nor anybody else's server; `open` listens at the same address again."""
        # A thread in `accept` would keep the port open.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def heal(self):
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
        """Whether the connection goes on."""
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
        """Counts the request and uses up the fault that meets it."""
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
    """Sends these bytes, piece by piece where `pause` is set, and closes the connection."""

    def fault(exchange):
        if taken:
            exchange.take()
        for piece in data if isinstance(data, list) else [data]:
            exchange.send(piece)
            if exchange.target.stopped.wait(pause):
                break

    return fault


def status(code, **headers):
    """An answer without a body; the connection goes on."""
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
    """More bytes than were announced, on a connection that goes on."""
    exchange.take()
    exchange.send(OK + b"and what nobody asked for")
    return True


def context(certificate):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    return tls


def self_signed(folder):
    """The path of a certificate for 127.0.0.1 that nobody has vouched for, with its key."""
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
