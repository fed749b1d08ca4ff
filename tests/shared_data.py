"""Real images, kept outside of the repository: in $JGAN_SHARED_DATA, or in shared/data beside it."""

import os
from pathlib import Path

import pytest


def shared_data(name):
    """The path of a folder of real images; skips the test where there is none."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    root = Path(os.environ.get("JGAN_SHARED_DATA", beside))
    if not (root / name).exists():
        pytest.skip(f"no real images: {root / name} is missing (set JGAN_SHARED_DATA)")
    return root / name
