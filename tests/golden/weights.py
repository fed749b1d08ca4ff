"""Writes state dicts in both formats of torch.save, and a module saved whole, for test_weights.py.

python tests/golden/weights.py
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import numpy as np


def expected() -> dict[str, np.ndarray]:
    """What a reader gets, bfloat16 as the float32 of the same value."""
    grid = np.arange(24, dtype=np.float32).reshape(2, 3, 4) / 8
    return {
        "params_ema.conv.weight": grid,
        "params_ema.conv.transposed": grid.transpose(2, 0, 1),
        "params_ema.conv.slice": grid[1, 1:, ::2],
        "params_ema.conv.tied": grid,
        "params_ema.half": np.array([1.5, -65504.0, 6e-8], np.float16),
        "params_ema.brain": np.array([1.0, -3.0, 2.0**120], np.float32),
        "params_ema.double": np.array([np.pi]),
        "params_ema.steps": np.array(2**40, np.int64),
        "params_ema.bytes": np.array([[0, 255]], np.uint8),
        "params_ema.flags": np.array([True, False, True]),
        "params_ema.empty": np.zeros((0, 3), np.float32),
        "optimizer.state.0.moments.1": np.array([-1, 7], np.int32),
    }


def expected_module() -> dict[str, np.ndarray]:
    """The state dict of the module that is saved whole."""
    random = np.random.default_rng(7)
    shapes = {"outer.inner.0.weight": (3, 2, 1, 1), "outer.inner.0.bias": (3,), "outer.inner.1.weight": (3,)}
    shapes |= {"outer.inner.1.bias": (3,), "outer.inner.1.running_mean": (3,), "outer.inner.1.running_var": (3,)}
    arrays = {name: random.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    return {"basis": random.standard_normal((2, 2)).astype(np.float32), **arrays}


def save_module(folder: Path) -> None:
    """A module of a class that is nowhere else."""
    import torch

    class Network(torch.nn.Module):
        """Layers in layers, a parameter of its own, and attributes that are no tensors."""

        def __init__(self) -> None:
            super().__init__()
            self.basis = torch.nn.Parameter(torch.zeros(2, 2))
            self.outer = torch.nn.Module()
            self.outer.inner = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 1), torch.nn.BatchNorm2d(3))
            self.dtype, self.size, self.device = torch.bfloat16, torch.Size([3, 4]), torch.device("cpu")

    Network.__qualname__ = "Network"
    globals()["Network"] = Network
    network = Network()
    state = {name: torch.from_numpy(array) for name, array in expected_module().items()}
    network.load_state_dict(state, strict=False)
    torch.save(network, folder / "weights_module.pth")


def main() -> None:
    """Saves the same tensors as PyTorch holds them: views, tied weights, a parameter, a module's state dict."""
    import torch

    grid = torch.from_numpy(expected()["params_ema.conv.weight"])
    tensors = {name: torch.from_numpy(array.copy()) for name, array in expected().items()}
    layer = torch.nn.BatchNorm2d(1).state_dict()  # an OrderedDict with an attribute, as every module's is
    layer.clear()
    layer["conv.weight"] = torch.nn.Parameter(grid)
    layer["conv.transposed"] = grid.permute(2, 0, 1)
    layer["conv.slice"] = grid[1, 1:, ::2]
    layer["conv.tied"] = grid
    layer["half"] = tensors["params_ema.half"]
    layer["brain"] = tensors["params_ema.brain"].bfloat16()
    for name in ("double", "steps", "bytes", "flags", "empty"):
        layer[name] = tensors[f"params_ema.{name}"]
    moments = [0.5, tensors["optimizer.state.0.moments.1"]]
    optimizer = {"state": {0: {"moments": moments}}, "param_groups": [{"lr": 1e-3, "betas": (0.5, 0.9)}]}
    tree = {"epoch": 3, "name": "digits", "params_ema": OrderedDict(layer), "optimizer": optimizer, "nothing": None}
    tree["params_ema"]._metadata = layer._metadata
    folder = Path(__file__).parent
    torch.save(tree, folder / "weights_zip.pth")
    torch.save(tree, folder / "weights_stream.pth", _use_new_zipfile_serialization=False)
    save_module(folder)


if __name__ == "__main__":
    main()
