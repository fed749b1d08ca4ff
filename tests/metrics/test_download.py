"""Downloads of weight files, from a server on this machine."""

import hashlib
import http.server
import threading

import pytest

from jgan.metrics.download import CACHE, INCEPTION, MIRROR, WeightFile, fetch
from jgan.types import UserError

CONTENT = bytes(range(256)) * 8192
FILE = WeightFile("weights.bin", "http://nowhere.invalid/weights.bin", hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture
def server():
    """Serves what `answer` says; counts requests."""

    class Handler(http.server.BaseHTTPRequestHandler):
        answer = (200, len(CONTENT), CONTENT)
        paths = ()

        def do_GET(self):
            status, length, body = self.answer
            type(self).paths += (self.path,)
            self.send_response(status)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        Handler.url = f"http://127.0.0.1:{httpd.server_port}/mirror/"
        yield Handler
        httpd.shutdown()


def test_downloads_once(server, tmp_path, capsys):
    environment = {CACHE: str(tmp_path / "cache"), MIRROR: server.url}
    path = fetch(FILE, environment)
    assert path.read_bytes() == CONTENT
    assert "weights.bin: 100%" in capsys.readouterr().err
    assert fetch(FILE, environment) == path
    assert server.paths == ("/mirror/weights.bin",)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((200, len(CONTENT), CONTENT[:-9]), rf"what came, {len(CONTENT) - 9} bytes, is not the published file"),
        ((200, len(CONTENT), b"x" + CONTENT[1:]), r"is not the published file .*: cut off or changed"),
        ((404, 0, b""), r"cannot be downloaded \(Not Found\); put weights.bin at .*cache/weights.bin yourself"),
    ],
)
def test_what_is_not_the_file_is_refused(server, tmp_path, answer, message):
    server.answer = answer
    with pytest.raises(UserError, match=message):
        fetch(FILE, {CACHE: str(tmp_path / "cache"), MIRROR: server.url})
    assert not list((tmp_path / "cache").iterdir())


def test_offline_says_where_to_put_it(tmp_path):
    with pytest.raises(UserError, match=r"cannot be downloaded .*; put weights.bin at .*weights.bin yourself, or set"):
        fetch(FILE, {CACHE: str(tmp_path), MIRROR: "http://127.0.0.1:9"})
    with pytest.raises(UserError, match="expected an http or https URL"):
        fetch(FILE, {CACHE: str(tmp_path), MIRROR: "file:///etc"})


def test_a_changed_file_in_the_cache_is_refused(tmp_path):
    (tmp_path / INCEPTION.name).write_bytes(b"something else")
    with pytest.raises(UserError, match=r"not the published file .*; remove it"):
        fetch(INCEPTION, {CACHE: str(tmp_path)})
