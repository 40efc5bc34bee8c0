"""The emulator does one thing at a time, which moto alone does not."""

import io

import pytest
from moto_server import OneAtATime


@pytest.mark.parametrize("chunked", [False, True], ids=["by length", "chunked"])
def test_a_call_has_the_emulator_to_itself_and_is_read_before(chunked):
    class Body(io.BytesIO):
        def read(self, *size):
            assert not one.lock.locked(), "a slow sender would hold up all others"
            return super().read(*size)

    def app(environ, start_response):
        assert one.lock.locked()
        start_response("200 OK", [])
        return [environ["wsgi.input"].read()]

    one = OneAtATime(app)
    framing = {"wsgi.input_terminated": True} if chunked else {"CONTENT_LENGTH": "4"}
    assert one({"wsgi.input": Body(b"body" if chunked else b"bodynext"), **framing}, lambda *_: None) == [b"body"]
    assert not one.lock.locked()
