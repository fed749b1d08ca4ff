"""jgan: GAN training in JAX and Flax.

    import jgan

    run = jgan.open("runs/quickstart")
    images = run.sample(16, labels=[3], seed=0)

docs/python.md shows the rest. JAX is imported with the first of these names that is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from jgan.errors import UserError as UserError
from jgan.terminal.early_interrupts import expect_interrupts, is_command

if is_command():  # first of all: what a command imports takes seconds
    expect_interrupts()

if TYPE_CHECKING:
    from jgan.api.run import Run as Run
    from jgan.api.start import grid as grid
    from jgan.api.start import load_config as load_config
    from jgan.api.start import open_run as open  # noqa: A004
    from jgan.api.start import train as train
    from jgan.config import Config as Config

__version__ = "0.1.0"
__all__ = ["Config", "Run", "UserError", "grid", "load_config", "open", "train"]

_PLACES = {  # a name: its module, and what it is called there
    "Config": ("jgan.config", "Config"),
    "Run": ("jgan.api.run", "Run"),
    "grid": ("jgan.api.start", "grid"),
    "load_config": ("jgan.api.start", "load_config"),
    "open": ("jgan.api.start", "open_run"),
    "train": ("jgan.api.start", "train"),
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'jgan' has no attribute {name!r}")
    module, inner = _PLACES[name]
    value = getattr(importlib.import_module(module), inner)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
