"""Files of weights as numpy arrays, without PyTorch and without executing anything in them.

| suffix | format |
| --- | --- |
| .pth, .pt, .bin, .ckpt, .pth.tar | `torch.save`: a zip, a stream before 1.6; pickles |
| .npz | `numpy.savez`, arrays of numbers only |
| .safetensors | https://github.com/huggingface/safetensors#format |

A pickle may hold tensors, numpy's arrays, dictionaries of them, or a PyTorch module saved whole. Networks pickled with
their code, as StyleGAN's .pkl files are, are none of these: `CODE` says how to make a state dict of one.

A hostile file can be refused or give wrong numbers, but run nothing, and claim no more memory than it fills (a
compressed .npz: `packed.EXPANSION` times its size).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from jgan.interop.npz import read_npz
from jgan.interop.pytorch import read_pytorch
from jgan.interop.refusal import CODE, ZIP_ERRORS
from jgan.interop.safetensors import read_safetensors
from jgan.types import UserError

Weights = dict[str, np.ndarray]
LONGEST_NAME = 500  # characters


def read_weights(path: Path) -> Weights:
    """The tensors of a file, by name, in their own dtype and shape (bfloat16 as `jnp.bfloat16`).

    Nested dictionaries and lists are flattened with dots, so {"params_ema": {"conv.weight": w}} gives
    "params_ema.conv.weight" and the caller picks by prefix. Entries that are not tensors, such as an epoch number, are
    left out. The arrays may be read-only views that share memory, as tied weights do; copy before writing.

    Raises:
      UserError: no such file, another suffix (of a .pkl: how to make state dicts of it), not the format its suffix
        says, damaged or cut short, a pickle that names anything but tensors and dictionaries, complex numbers, or no
        tensor in it.
    """
    if path.suffix.lower() == ".pkl":
        raise UserError(f"{path}: {CODE}")
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise UserError(f"{path}: cannot read weights from such a file; expected one of {', '.join(_READERS)}")
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise OSError("not a regular file")
        weights = reader(path)
    except OSError as error:
        raise UserError(f"{path}: cannot read it ({error.strerror or error})") from None
    except ZIP_ERRORS as error:
        reason = "".join(letter if letter.isprintable() else "?" for letter in str(error)[:300])  # it quotes the file
        raise UserError(f"{path}: not weights that can be read: {reason}") from None
    if not weights:
        raise UserError(f"{path}: no tensor in it; expected a state dict")
    for name, array in weights.items():
        if not name.isprintable() or len(name) > LONGEST_NAME:
            raise UserError(f"{path}: a tensor is called {name[:40]!r}...; expected printable names of usual lengths")
        if np.iscomplexobj(array):
            raise UserError(f"{path}: {name} has complex numbers, which no network here takes")
    return weights


_READERS: dict[str, Callable[[Path], Weights]] = {
    ".pth": read_pytorch,
    ".pt": read_pytorch,
    ".bin": read_pytorch,
    ".ckpt": read_pytorch,
    ".tar": read_pytorch,  # .pth.tar: no archive, but what torch.save wrote under that name
    ".npz": read_npz,
    ".safetensors": read_safetensors,
}
