"""What a run ran on: environment.json, an entry for every start."""

from __future__ import annotations

import contextlib
import importlib.metadata
import logging
import os
import platform
import subprocess
from pathlib import Path

import jax

from jgan import __version__
from jgan.rundir.atomic_files import write_json
from jgan.untrusted.bounded_read import read_file
from jgan.untrusted.json_data import MAX_JSON_BYTES, parse_json

PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "grain", "numpy", "pillow")


def write_environment(workdir: Path) -> None:
    """environment.json: versions, devices and the git commit, an entry for every start of the run."""
    path = workdir / "environment.json"
    starts = _earlier_starts(path)
    starts.append(
        {
            "jgan": __version__,
            "git_commit": _git_commit(),
            "python": platform.python_version(),
            "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
            "platform": platform.platform(),
            "devices": [str(device) for device in jax.devices()],
            "device_kind": jax.devices()[0].device_kind,
            "processes": jax.process_count(),
            "cpu_count": os.cpu_count(),
        }
    )
    write_json(path, starts)


def _earlier_starts(path: Path) -> list:
    """The entries of environment.json. A file that is no such list is moved aside: it is only a note."""
    if not path.exists():
        return []
    with contextlib.suppress(OSError, ValueError):
        starts = parse_json(read_file(path, MAX_JSON_BYTES))
        if isinstance(starts, list):
            return starts
    logging.getLogger("jgan").warning("%s was not readable and is now %s.damaged", path, path.name)
    path.rename(path.with_name(f"{path.name}.damaged"))
    return []


def _git_commit() -> str | None:
    """The commit of the checkout that jgan is imported from; None where there is none."""
    checkout = Path(__file__).parents[2]
    if not (checkout / ".git").exists():  # git would take any repository above it
        return None
    command = ["git", "-C", str(checkout), "describe", "--always", "--dirty", "--abbrev=40"]
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    return None
