"""Who may ask the page for anything: those on this machine, or those who have the token."""

from __future__ import annotations

import hmac
import http.cookies
import re
import urllib.parse
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from jgan.types import UserError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "jgan_token"
TOKEN = re.compile(r"[A-Za-z0-9_-]{16,200}")
# All that the page is made of comes from here: a browser that is told so asks nobody else.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = [
    (b"content-security-policy", POLICY.encode()),
    (b"referrer-policy", b"no-referrer"),  # addresses may hold the token
    (b"x-content-type-options", b"nosniff"),
]


def check_token(token: str) -> None:
    """Raises UserError for a token that could be guessed, or that an address cannot hold."""
    if not TOKEN.fullmatch(token):
        raise UserError(
            "--token: expected 16 to 200 letters, digits, - or _; leave it out, and one is made and printed"
        )


class Guard:
    """An ASGI application before another: every request, files and the queue too, passes it.

    `hosts` are the names by which the page may be asked for, without their ports; empty, any: a page of the web could
    otherwise give this machine's address a name of its own, and read what it answers. With a `token` a request has to
    bring it: the first one in its address, as in /?token=..., for which it gets a cookie.
    """

    def __init__(self, app: App, hosts: frozenset[str], token: str | None) -> None:
        self._app, self._hosts, self._token = app, hosts, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers by the application, or refuses."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        if self._hosts and _name_of(headers.get(b"host", b"")) not in self._hosts:
            await _answer(scope, send, 403, "This page is asked for as localhost or 127.0.0.1 alone.\n")
        elif self._token is None or self._is_known(_cookie(headers.get(b"cookie", b""))):
            await self._app(scope, receive, _with_headers(send))
        elif self._is_known(_in_address(scope)):
            cookie = f"{COOKIE}={self._token}; Path=/; HttpOnly; SameSite=Strict".encode()
            await _answer(scope, send, 303, "", [(b"location", b"/"), (b"set-cookie", cookie)])
        else:
            await _answer(scope, send, 401, "This page needs its token: open the address that jgan explore printed.\n")

    def _is_known(self, given: str) -> bool:
        assert self._token is not None, "asked with a token alone"
        return hmac.compare_digest(given.encode(), self._token.encode())


def _name_of(host: bytes) -> str:
    """A host's name, without its port."""
    return re.sub(r":\d+$", "", host.decode("latin-1")).lower()


def _cookie(header: bytes) -> str:
    try:
        found = http.cookies.SimpleCookie(header.decode("latin-1")).get(COOKIE)
    except http.cookies.CookieError:
        return ""
    return "" if found is None else found.value


def _in_address(scope: Scope) -> str:
    query = urllib.parse.parse_qs(scope.get("query_string", b"").decode("latin-1"))
    return query.get("token", [""])[0]


def _with_headers(send: Send) -> Send:
    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), *HEADERS]}
        await send(message)

    return sending


async def _answer(
    scope: Scope, send: Send, status: int, text: str, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    start = [(b"content-type", b"text/plain; charset=utf-8"), *HEADERS, *(headers or [])]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": text.encode()})
