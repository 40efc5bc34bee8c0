"""moto's server with one call at a time: `python moto_server.py PORT`.

moto checks a condition and writes in two steps, without a lock: two conditional writes at a time may both succeed, and
a list that is read while it grows may miss entries. AWS does neither.
"""

import io
import sys
from threading import Lock

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import run_simple


class OneAtATime:
    """A WSGI application that calls another under a lock. Reads bodies before, so that a slow sender holds up nobody."""

    def __init__(self, app):
        self.app, self.lock = app, Lock()

    def __call__(self, environ, start_response):
        body = environ["wsgi.input"]
        is_chunked = environ.get("wsgi.input_terminated")
        environ["wsgi.input"] = io.BytesIO(body.read() if is_chunked else body.read(int(environ.get("CONTENT_LENGTH") or 0)))
        with self.lock:
            return self.app(environ, start_response)


if __name__ == "__main__":
    app = OneAtATime(DomainDispatcherApplication(create_backend_app))
    run_simple("127.0.0.1", int(sys.argv[1]), app, threaded=True, request_handler=MotoRequestHandler)
