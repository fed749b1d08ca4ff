"""`hf://owner/name`, or `hf://owner/name@revision`: a run on the Hugging Face Hub, fetched into the cache.

A commit is fetched once, into a folder of its own. What comes is a run directory as any: data, which nothing executes.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from types import ModuleType
from typing import NamedTuple, TypeGuard

from jgan.errors import UserError, one_line, shown
from jgan.rundir.atomic_files import cache_directory, usable_cache, writing
from jgan.rundir.lock import writing_alone

SCHEME = "hf://"
NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}"
COMMIT = re.compile(r"[0-9a-f]{40}")
FILES = ("README.md", "config.json", "environment.json", "start.json", "*.jsonl", "eval/*.json", "checkpoints/*")


class Place(NamedTuple):
    """A repository of the Hub, and a branch, tag or commit of it."""

    owner: str
    name: str
    revision: str | None  # None: its main branch

    @property
    def repository(self) -> str:
        """As the Hub has it."""
        return f"{self.owner}/{self.name}"

    def __str__(self) -> str:
        return f"{SCHEME}{self.repository}" + (f"@{self.revision}" if self.revision else "")


def is_on_hub(place: str | Path) -> TypeGuard[str]:
    """Whether this is an address of the Hub and no path."""
    return isinstance(place, str) and place.startswith(SCHEME)


def parse_place(text: str) -> Place:
    """The repository and revision of an address. Raises UserError where it is none."""
    found = re.fullmatch(rf"{SCHEME}({NAME})/({NAME})(?:@([A-Za-z0-9][A-Za-z0-9._/-]{{0,199}}))?", text)
    if found is None or ".." in text:
        raise UserError(f"{shown(text)}: expected hf://owner/name, or hf://owner/name@revision")
    return Place(*found.groups())


def in_run(workdir: Path, name: str) -> Path:
    """Where a command writes without --out: `name` in the run's directory.

    Raises:
      UserError: the run was fetched.
    """
    cache = None
    with contextlib.suppress(UserError):  # nobody says where a cache would be, so nothing was fetched
        cache = cache_directory("hub").resolve()
    if cache and workdir.resolve().is_relative_to(cache):
        raise UserError("--out: needed with a run of the Hub, which stays as it was fetched; give a directory")
    return workdir / name


def fetch(text: str) -> Path:
    """The run directory of an address, fetched where its commit is not in the cache.

    Raises:
      UserError: it is no address, huggingface_hub is not installed, or the Hub has no such run or cannot be reached.
    """
    place = parse_place(text)
    cache = usable_cache(f"what is fetched from {place} is", "hub")
    if cache is None:
        raise UserError(f"{place}: there is no folder to keep it in; set XDG_CACHE_HOME to a directory")
    there = cache / f"{place.owner}--{place.name}"
    if place.revision and COMMIT.fullmatch(place.revision) and (there / place.revision).is_dir():
        return there / place.revision
    hub = _library(place)
    commit, files = _listing(hub, place, there)
    if not (there / commit).is_dir():
        _check_room(place, cache, sum(files.values()))
        _download(hub, place, there, commit, list(files))
    return there / commit


def _library(place: Place) -> ModuleType:
    try:
        import huggingface_hub
    except ModuleNotFoundError:
        raise UserError(f"{place}: needs huggingface_hub; pip install 'jgan[hub]'") from None
    return huggingface_hub


def _listing(hub: ModuleType, place: Place, there: Path) -> tuple[str, dict[str, int]]:
    """The commit of a revision, and its files that a run consists of, with their sizes in bytes."""
    try:
        info = hub.HfApi().model_info(place.repository, revision=place.revision, files_metadata=True)
    except Exception as error:  # of the Hub, of the network, of the library's own checks
        raise UserError(f"{place}: cannot be read ({_reason(error)}){_earlier(place, there)}") from None
    files = {file.rfilename: file.size or 0 for file in info.siblings or () if _is_of_run(file.rfilename)}
    commit = info.sha or ""
    if not COMMIT.fullmatch(commit):
        raise UserError(f"{place}: the Hub answers with the commit {shown(commit)}; expected 40 hex digits")
    if "config.json" not in files or not any(name.startswith("checkpoints/") for name in files):
        raise UserError(f"{place}: holds no run of jgan (config.json and checkpoints/, as jgan card writes them)")
    return commit, files


def _is_of_run(name: str) -> bool:
    """Whether a file of a repository belongs to a run, by a name that stays in its folder."""
    parts = name.split("/")
    plain = not any(part in ("", ".", "..") or "\\" in part or not part.isprintable() for part in parts)
    return plain and any(fnmatch(name, pattern) for pattern in FILES)


def _earlier(place: Place, there: Path) -> str:
    """What to give instead, where commits have been fetched before."""
    commits = [path.name for path in _commits(there)]
    known = ", ".join(str(place._replace(revision=commit)) for commit in commits)
    return f"; fetched before: {known}" if known else ""


def _commits(there: Path) -> Iterator[Path]:
    yield from (path for path in sorted(there.glob("*")) if COMMIT.fullmatch(path.name))


def _check_room(place: Place, cache: Path, needed: int) -> None:
    free = shutil.disk_usage(cache).free
    if free < needed:
        raise UserError(f"{place}: takes {needed / 1e6:,.0f} MB, and {cache} has {free / 1e6:,.0f} MB free; make room")


def _download(hub: ModuleType, place: Place, there: Path, commit: str, files: list[str]) -> None:
    """Fetches the files into a folder beside, which takes the commit's name once all are there."""
    partial = there / f"{commit}.partial"
    with writing_alone(partial, str(place), waits=True):
        if (there / commit).is_dir():  # another process was first
            return
        try:
            hub.snapshot_download(place.repository, revision=commit, local_dir=partial, allow_patterns=files)
        except Exception as error:  # as above; what has come stays, and the next call goes on with it
            raise UserError(f"{place}: could not be fetched whole ({_reason(error)}); try again") from None
        missing = [name for name in files if not (partial / name).is_file()]
        if missing:
            raise UserError(f"{place}: {missing[0]} did not come; try again")
        with writing(there / commit):
            shutil.rmtree(partial / ".cache", ignore_errors=True)  # huggingface_hub's notes
            partial.rename(there / commit)


def _reason(error: Exception) -> str:
    return one_line(str(error))[:300] or type(error).__name__
