"""Weight files that are downloaded once: checked by their SHA-256, kept in a cache, never half there."""

from __future__ import annotations

import dataclasses
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from jgan.rundir.atomic_files import cache_directory, replacing_shared, sha256
from jgan.rundir.new_directories import make_directory
from jgan.terminal import bars
from jgan.types import UserError

MIRROR = "JGAN_WEIGHTS_URL"  # of a directory that holds the files under their names, instead of where they come from
CACHE = "JGAN_WEIGHTS_DIR"  # by default ~/.cache/jgan/weights
TIMEOUT = 30.0  # seconds without a byte
CHUNK = 2**20  # bytes


@dataclasses.dataclass(frozen=True)
class WeightFile:
    """A published file."""

    name: str
    url: str
    sha256: str


INCEPTION = WeightFile(
    "pt_inception-2015-12-05-6726825d.pth",
    "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth",
    "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
)


def fetch(file: WeightFile, environment: Mapping[str, str] = os.environ) -> Path:
    """The file's path in the cache, downloaded first if it is not there.

    Raises:
      UserError: it cannot be downloaded, or is not what was published; the message says where to put it by hand.
    """
    path = _directory(environment) / file.name
    url = f"{environment[MIRROR].rstrip('/')}/{file.name}" if environment.get(MIRROR) else file.url
    if path.is_file():
        if sha256(path) != file.sha256:
            raise UserError(f"{path}: not the published file (its SHA-256 is not {file.sha256}); remove it")
        return path
    if not url.startswith(("https://", "http://")):
        raise UserError(f"{MIRROR}={environment[MIRROR]}: expected an http or https URL")
    make_directory(path.parent, CACHE)
    with replacing_shared(path) as partial:
        try:
            _download(url, partial)
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
            reason = getattr(error, "reason", error)
            raise UserError(f"{url}: cannot be downloaded ({reason}); {_by_hand(file, path)}") from None
        if sha256(partial) != file.sha256:
            raise UserError(
                f"{url}: what came, {partial.stat().st_size} bytes, is not the published file (SHA-256 {file.sha256}): "
                f"cut off or changed; try again, or {_by_hand(file, path)}"
            )
    return path


def _directory(environment: Mapping[str, str]) -> Path:
    return Path(environment[CACHE]) if environment.get(CACHE) else cache_directory("weights")


def _by_hand(file: WeightFile, path: Path) -> str:
    return f"put {file.name} at {path} yourself, or set {MIRROR} to a mirror"


def _download(url: str, path: Path) -> None:
    with urllib.request.urlopen(url, timeout=TIMEOUT) as response, path.open("wb") as output:
        total = int(response.headers.get("Content-Length") or 0) or None
        with bars.bar(total=total, unit="B", unit_scale=True, desc=path.name) as bar:
            while chunk := response.read(CHUNK):
                output.write(chunk)
                bar.update(len(chunk))
