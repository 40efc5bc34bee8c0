"""Proxies: the same rules for targets and for AWS, and a refusal that says why."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from events import make_lines, tags
from sink import body_of


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.seen.append((self.command, self.path, self.headers.get("Proxy-Authorization")))
        body_of(self)
        body = make_lines([1]) if self.command == "GET" else b""
        if "list-type=2" in self.path:
            body = b"<ListBucketResult><Contents><Key>key</Key></Contents></ListBucketResult>"
        self.send_response(self.server.refusal or 200)
        for name, value in {"Content-Length": str(len(body)), "ETag": '"1"', "x-amz-request-id": "R"}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_HEAD = do_POST = do_CONNECT = do_GET

    def log_message(self, *_):
        pass


@pytest.fixture
def proxy():
    """A proxy that answers itself: a file of one click to every GET; to CONNECT, and to all else, with `refusal` if it is set."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, server.block_on_close = True, False
    server.seen, server.refusal = [], None
    server.address = f"127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def run(lab, *arguments, **variables):
    """Runs `forward`, and returns its exit code and what it says."""
    usual = {"AWS_ENDPOINT_URL": None, "QUARANTINE": None, "SOURCES": None}
    done = lab.command("forward", "--give-up", "500ms", *arguments, stdin=make_lines([1]), **{**usual, **variables})
    return done.returncode, done.stderr.decode()


@pytest.mark.parametrize(
    ("name", "address"),
    [("HTTP_PROXY", "http://{}"), ("http_proxy", "http://{}/"), ("ALL_PROXY", "{}"), ("all_proxy", "http://user:pass%20word@{}")],
)
def test_targets_and_aws_go_through_the_same_proxy(lab, proxy, name, address):
    code, said = run(
        lab,
        "s3://clicks/key",
        AWS_ENDPOINT_URL="http://s3.test",
        HOOK_URL="http://hook.test/clicks",
        **{name: address.format(proxy.address)},
    )

    assert code == 0, said
    to_aws = {path.split("?")[0] for method, path, _ in proxy.seen if "s3.test" in path}
    to_target = [path for method, path, _ in proxy.seen if method == "POST"]
    assert to_aws == {"http://clicks.s3.test/", "http://clicks.s3.test/key"} and to_target == ["http://hook.test/clicks"]
    authorisations = {authorisation for _, _, authorisation in proxy.seen}
    assert authorisations == ({"Basic dXNlcjpwYXNzIHdvcmQ="} if "user" in address else {None})


def test_what_no_proxy_lists_is_reached_directly(lab, proxy):
    lab.put("key", make_lines([1]))
    code, said = run(
        lab,
        "s3://rebrandly-clicks/key",
        AWS_ENDPOINT_URL=lab.proxy.url,
        HTTP_PROXY=f"http://{proxy.address}",
        no_proxy="localhost, 127.0.0.0/8",
    )

    assert code == 0, said
    assert proxy.seen == [] and tags(lab.sink.clicks) == ["tag-1"]


@pytest.mark.parametrize(("status", "is_final"), [(403, True), (407, True), (503, False)])
def test_a_proxy_that_refuses_to_connect_says_with_which_status(lab, proxy, status, is_final):
    proxy.refusal = status
    through = {"HTTPS_PROXY": f"http://user:s3cret@{proxy.address}"}
    code, said = run(lab, "-", HOOK_URL="https://hook.test/clicks", **through)
    assert code == 1 and f"answered CONNECT with HTTP {status}" in said, said
    assert ("misconfigured" in said) == is_final and "s3cret" not in said
    assert all(authorisation for _, _, authorisation in proxy.seen)

    code, said = run(lab, "s3://clicks/key", AWS_ENDPOINT_URL="https://s3.test", **through)
    assert code != 0 and f"answered CONNECT with HTTP {status}" in said, said
    assert "s3cret" not in said


@pytest.mark.parametrize("text", ["htp://user:s3cret@proxy", "http://user:s3cret@", "proxy:port", "socks5://user:s3cret@proxy:1080"])
def test_a_variable_that_names_no_proxy_is_a_mistake(lab, text):
    code, said = run(lab, "-", https_proxy=text)

    assert code == 2 and "https_proxy: found" in said and "s3cret" not in said, said
    assert lab.sink.requests == []
