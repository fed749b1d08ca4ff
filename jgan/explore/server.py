"""The page on a port of this machine, until it is interrupted."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jgan.explore.access import Guard
from jgan.types import UserError

LOCAL_HOST = "127.0.0.1"
LOCAL_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
UPLOAD = 64 * 2**20  # bytes of a dropped file, at most
SECONDS_TO_END = 1  # that open connections are waited for


def is_local(host: str) -> bool:
    """Whether only this machine reaches a host."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def bind(host: str, port: int) -> socket.socket:
    """The socket to serve at, with port 0 of any free port.

    Raises:
      UserError: the port is taken, or the host is none of this machine's.
    """
    if port > 65535:
        raise UserError(f"--port={port}: expected 0, for any that is free, to 65535")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise UserError(f"--host={host}: no address of this machine ({_reason(error)})") from None
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen()
    except OSError as error:
        bound.close()
        raise UserError(
            f"--port={port}: cannot be had at {host} ({_reason(error)}); give another, or 0 for any that is free"
        ) from None
    return bound


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


@contextlib.contextmanager
def own_files() -> Iterator[Path]:
    """A new folder for the files that the page gets and makes, which goes with it; Gradio takes it for its own."""
    before = os.environ.get("GRADIO_TEMP_DIR")
    with tempfile.TemporaryDirectory(prefix="jgan-explore-", ignore_cleanup_errors=True) as name:
        os.environ["GRADIO_TEMP_DIR"] = name
        try:
            yield Path(name)
        finally:
            os.environ.pop("GRADIO_TEMP_DIR")
            if before is not None:
                os.environ["GRADIO_TEMP_DIR"] = before


def serve(page: Any, look: dict[str, Any], bound: socket.socket, token: str | None) -> None:
    """Serves Gradio's blocks until SIGINT or SIGTERM. `look` is the theme and the style of the page."""
    import fastapi
    import uvicorn

    from jgan.explore.offline import gr

    host, port = bound.getsockname()[:2]
    app = fastapi.FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app = gr.mount_gradio_app(
        app,
        page,
        "/",
        server_name=host,
        server_port=port,
        footer_links=[],
        run_history=False,
        app_kwargs={"docs_url": None, "redoc_url": None, "openapi_url": None},
        allowed_paths=[],
        show_error=False,
        max_file_size=UPLOAD,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        **look,
    )
    hosts = LOCAL_NAMES if is_local(host) else frozenset()
    settings = uvicorn.Config(
        Guard(app, hosts, token),  # pyright: ignore[reportArgumentType]
        log_level="error",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=SECONDS_TO_END,
    )
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(settings).run([bound])
