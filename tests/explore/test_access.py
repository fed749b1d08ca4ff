"""Who the page answers: names of this machine alone, or the token alone, for whatever is asked."""

import asyncio

import pytest

from jgan.explore.__main__ import main
from jgan.explore.access import Guard, check_token
from jgan.explore.server import bind, is_local
from jgan.types import UserError

TOKEN = "0123456789abcdef-_XY"


def ask(guard, path="/", query=b"", kind="http", **headers):
    """(status, headers) of the answer; the application behind answers 200."""
    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": kind, "path": path, "query_string": query}
    scope["headers"] = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    asyncio.run(guard(scope, None, send))
    return sent[0].get("status", sent[0].get("code")), dict(sent[0].get("headers", []))


async def application(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})


def test_other_names_of_this_machine_are_refused():
    guard = Guard(application, frozenset({"localhost", "127.0.0.1"}), None)
    for host, status in (("localhost:7860", 200), ("127.0.0.1", 200), ("evil.example", 403), ("", 403)):
        assert ask(guard, host=host)[0] == status
    _, headers = ask(guard, host="localhost")
    assert b"default-src 'self'" in headers[b"content-security-policy"]


@pytest.mark.parametrize("path", ["/", "/config", "/gradio_api/file=/etc/passwd", "/gradio_api/queue/join"])
def test_every_route_needs_the_token(path):
    guard = Guard(application, frozenset(), TOKEN)
    for wrong in ("", "x", TOKEN[:-1], TOKEN + "x", "\xe9" * 20):
        assert ask(guard, path, cookie=f"jgan_token={wrong}")[0] == 401
        assert ask(guard, path, query=f"token={wrong}".encode())[0] == 401
    assert ask(guard, path, kind="websocket")[0] == 1008
    assert ask(guard, path, cookie=f"a=b; jgan_token={TOKEN}")[0] == 200
    status, headers = ask(guard, path, query=f"token={TOKEN}".encode())
    assert (status, headers[b"location"]) == (303, b"/")
    assert headers[b"set-cookie"] == f"jgan_token={TOKEN}; Path=/; HttpOnly; SameSite=Strict".encode()


def test_what_cannot_be_served_at_is_told():
    assert is_local("127.0.0.1")
    assert is_local("::1")
    assert not is_local("0.0.0.0")
    with bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"--port={port}: cannot be had at 127.0.0.1 .*give another"):
            bind("127.0.0.1", port)
    with pytest.raises(UserError, match="--port=70000"):
        bind("127.0.0.1", 70000)
    with pytest.raises(UserError, match=r"--host=no\.such\.host\.invalid: no address"):
        bind("no.such.host.invalid", 0)
    for token in ("short", "with space and more", "é" * 20):
        with pytest.raises(UserError, match="--token: expected 16 to 200"):
            check_token(token)
    with pytest.raises(UserError, match="--token: expected 16"):
        main(["--workdir", "nowhere", "--token", "x"])
