"""Weights of https://github.com/XPixelGroup/BasicSR, of Real-ESRGAN and of the first release of ESRGAN.

The networks of jgan/families/esrgan.py and `srgan.MSRResNet`. A file may hold "params" and "params_ema", the average,
which is what its authors generate with and is read where there is one. ESRGAN's own repository
(https://github.com/xinntao/ESRGAN) called the layers of its generator by other names, in two ways; both are known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import numpy as np

from jgan.interop.state_dict import BLOCKS, LEAVES, to_variables, without_counters, without_prefix
from jgan.types import SPECTRAL, PyTree, UserError

ROOTS = ("params_ema.", "params.", "module.")
_LAYERS = {"from_image": "conv_first", "after_blocks": "conv_body", "last": "conv_hr", "to_image": "conv_last"}
_OLD = (  # patterns of ESRGAN's names, and BasicSR's
    (r"model\.0\.", "conv_first."),
    (r"model\.1\.sub\.(\d+)\.RDB(\d)\.conv(\d)\.0\.", r"body.\1.rdb\2.conv\3."),
    (r"model\.1\.sub\.\d+\.", "conv_body."),
    (r"model\.3\.", "conv_up1."),
    (r"model\.6\.", "conv_up2."),
    (r"model\.8\.", "conv_hr."),
    (r"model\.10\.", "conv_last."),
    (r"RRDB_trunk\.(\d+)\.RDB(\d)\.conv(\d)\.", r"body.\1.rdb\2.conv\3."),
    (r"trunk_conv\.", "conv_body."),
    (r"upconv(\d)\.", r"conv_up\1."),
    (r"HRconv\.", "conv_hr."),
)


def read_generator(weights: Mapping[str, np.ndarray], shapes: PyTree, source: str) -> PyTree:
    """The variables of an `RRDBNet`, `CompactNet` or `MSRResNet` with the given `shapes`, float32, out of a file.

    Raises:
      UserError: a tensor is missing, unexpected, of another shape, or not finite; or `shapes` are of another network.
    """
    weights, layers = _of_one_network(weights), set(shapes["params"])
    if BLOCKS in layers and "dense_1" in shapes["params"][BLOCKS]:
        weights = {_new_name(name): array for name, array in weights.items()}
        return _read(weights, shapes, source, "generator", _rrdb)
    if "prelu_0" in layers:
        return _read(weights, shapes, source, "generator", _compact(len(layers) // 2))
    if BLOCKS in layers and "last" in layers:
        return _read(weights, shapes, source, "generator", _msrresnet)
    raise UserError(
        f"{source}: read into an RRDBNet, a CompactNet or an MSRResNet, and the generator of this config is none"
    )


def read_discriminator(weights: Mapping[str, np.ndarray], shapes: PyTree, source: str) -> PyTree:
    """The variables of a `VGGDiscriminator` or a `UNetDiscriminator` with the given `shapes`, as `read_generator`.

    Of PyTorch's two vectors of spectral norm, u is the one that is kept here; the other follows from it.
    """
    weights, layers = _of_one_network(weights), set(shapes["params"])
    if "dense" in layers and "block_0_first" in layers:
        return _read(weights, shapes, source, "discriminator", _vgg)
    if "down_1" in layers and "to_logits" in layers and SPECTRAL in shapes:
        weights = {name: array for name, array in weights.items() if not name.endswith(".weight_v")}
        return _read(weights, shapes, source, "discriminator", _unet)
    raise UserError(
        f"{source}: read into a VGGDiscriminator or a UNetDiscriminator, and that of this config is neither"
    )


def _of_one_network(weights: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    """Those of the average, where the file has one beside the last ones, without what stands before all names."""
    for root in ROOTS[:2]:
        if any(name.startswith(root) for name in weights):
            weights = {name: array for name, array in weights.items() if name.startswith(root)}
            break
    for root in ROOTS:
        weights = without_prefix(weights, root)
    return without_counters(weights)


def _read(
    weights: Mapping[str, np.ndarray], shapes: PyTree, source: str, player: str, name_of: Callable[..., str]
) -> PyTree:
    return to_variables(weights, shapes, name_of, source=source, expected=f"the {player} of this config")


def _new_name(name: str) -> str:
    for pattern, replacement in _OLD:
        new, count = re.subn(f"^{pattern}", replacement, name)
        if count:
            return new
    return name


def _rrdb(_: str, *path: str) -> str:
    layer, leaf = path[0], LEAVES[path[-1]]
    if layer.startswith(BLOCKS):
        index, dense, place = (part.rpartition("_")[2] for part in path[:3])
        return f"body.{index}.rdb{dense}.conv{place}.{leaf}"
    return f"{_LAYERS.get(layer, layer.replace('up_', 'conv_up'))}.{leaf}"


def _msrresnet(_: str, *path: str) -> str:
    layer, leaf = path[0], LEAVES[path[-1]]
    if layer.startswith(BLOCKS):
        return f"body.{layer.rpartition('_')[2]}.conv{1 if path[1] == 'first' else 2}.{leaf}"
    return f"{_LAYERS.get(layer, layer.replace('up_', 'upconv'))}.{leaf}"


def _compact(convolutions: int) -> Callable[..., str]:
    """A list of convolutions, each followed by its PReLU, and the last one."""

    def name(_: str, *path: str) -> str:
        layer, leaf = path
        kind, _, index = layer.partition("_")
        place = 2 * convolutions if layer == "to_image" else 2 * int(index) + (kind == "prelu")
        return f"body.{place}.{LEAVES[leaf]}"

    return name


def _vgg(_: str, *path: str) -> str:
    layer, leaf = path[0], LEAVES[path[-1]]
    if layer.startswith("block_"):
        _, level, which = layer.split("_")
        return f"{'bn' if path[1] == 'norm' else 'conv'}{level}_{0 if which == 'first' else 1}.{leaf}"
    return f"{'linear1' if layer == 'dense' else 'linear2'}.{leaf}"


def _unet(_: str, *path: str) -> str:
    """conv0 to conv9, in the order of their use."""
    layer, leaf = path
    order = ("from_image", "down_1", "down_2", "down_3", "up_3", "up_2", "up_1", "last_1", "last_2", "to_logits")
    normed = layer not in (order[0], order[-1])
    return f"conv{order.index(layer)}.{'weight_u' if leaf == 'u' else LEAVES[leaf] + '_orig' * normed}"
