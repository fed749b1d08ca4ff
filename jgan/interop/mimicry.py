"""SNGAN and cGAN-PD of https://github.com/kwotsin/mimicry, `netG_*_steps.pth` and `netD_*_steps.pth`.

Its generators double the resolution by linear interpolation, where the official code takes nearest neighbours.
"""

from __future__ import annotations

from jgan.interop import residual
from jgan.interop.recognition import Fields, Format, OneOf, Tensors
from jgan.types import PyTree

_IN_BLOCKS = {"conv_1": "c1", "conv_2": "c2", "shortcut": "c_sc", "norm_1": "b1", "norm_2": "b2"}


def read_generator(tensors: Tensors, shapes: PyTree, source: str) -> PyTree:
    """The variables of an `sngan.Generator` with the given `shapes`, float32.

    Raises:
      UserError: a tensor is missing, unexpected, of another shape, or not finite.
    """
    blocks = sorted((name for name in shapes["params"] if name.startswith("block_")), key=_number)
    last = len(blocks) + 2
    modules = {name: f"block{index + 2}" for index, name in enumerate(blocks)}
    modules |= {"from_latents": "l1", "norm": f"b{last}", "to_image": f"c{last}"}
    conditional = _classes(tensors) > 0

    def name(layer: str, *path: str) -> str:
        module, leaf = modules[layer], path[-1]
        if len(path) == 1:
            return f"{module}.{residual.leaf_name(leaf)}"
        module = f"{module}.{_IN_BLOCKS[path[0]]}"
        if not conditional or not path[0].startswith("norm"):
            return f"{module}.{residual.leaf_name(leaf)}"
        return f"{module}.bn.{residual.leaf_name(leaf)}" if leaf in ("mean", "var") else f"{module}.{leaf}"

    return residual.read(_split(tensors), shapes, source, "the generator of this config", name, first="l1")


def _split(tensors: Tensors) -> Tensors:
    """A table of scales and one of biases, by rows, in place of the one that has both side by side."""
    made = {}
    for name, array in tensors.items():
        if not name.endswith(".embed.weight"):
            made[name] = array
            continue
        module, half = name.removesuffix(".embed.weight"), array.shape[1] // 2
        made |= {f"{module}.scale": array[:, :half].T, f"{module}.bias": array[:, half:].T}
    return made


def read_discriminator(tensors: Tensors, shapes: PyTree, source: str) -> PyTree:
    """The variables of an `sngan.Discriminator`, as `read_generator`."""
    modules = {"to_logit": _last(tensors), "projection": "l_y"}

    def name(layer: str, *path: str) -> str:
        if layer in modules:
            return f"{modules[layer]}.{residual.leaf_name(path[-1])}"
        return f"block{_number(layer)}.{_IN_BLOCKS[path[0]]}.{residual.leaf_name(path[-1])}"

    return residual.read(tensors, shapes, source, "the discriminator of this config", name)


def _last(tensors: Tensors) -> str:
    """The last layer, which has the number of a further block, or in the networks of 48 x 48 of the last one."""
    return next((f"l{number}" for number in residual.numbers(tensors, "l", ".weight")), "l")


def _number(layer: str) -> int:
    return int(layer.rpartition("_")[2])


def _classes(tensors: Tensors) -> int:
    table = tensors.get("block2.b1.embed.weight")
    return 0 if table is None else int(table.shape[0])


def _blocks(tensors: Tensors) -> list[str]:
    return [f"block{number}.c1.weight" for number in residual.numbers(tensors, "block", ".c1.weight")]


def _generator_fields(tensors: Tensors) -> Fields:
    blocks = _blocks(tensors)
    sizes, classes = residual.widths(tensors, blocks), _classes(tensors)
    channels = int(tensors[f"c{len(blocks) + 2}.weight"].shape[0])
    resolution = residual.resolution(tensors, "l1", sizes)
    return {
        "resolution": resolution,
        "widths": sizes,
        "image_channels": channels,
        "spectral_norm": "block2.c1.u" in tensors,
        "attention": (),
        "num_classes": classes,
        "game.num_classes": classes,
        "game.discriminator.num_classes": classes,
        "game.latent_dim": int(tensors["l1.weight"].shape[1]),
        "data.channels": channels,
        "stages.resolution": resolution,
    }


def _discriminator_fields(tensors: Tensors) -> Fields:
    widths = tuple(int(tensors[name.replace("c1", "c2")].shape[0]) for name in _blocks(tensors))
    shortcuts, blocks = sum(name.endswith(".c_sc.weight") for name in tensors), len(widths)
    # A shortcut has weights where the block halves, or where it widens alone, as the last one at 48 x 48 does.
    downsamples = shortcuts - (_last(tensors) == f"l{blocks}")
    classes = tensors["l_y.weight"].shape[0] if "l_y.weight" in tensors else 0
    return {
        "widths": widths,
        "downsamples": downsamples,
        "spectral_norm": "block1.c1.u" in tensors,
        "wide": False,
        "pool": "sum",
        "num_classes": int(classes),
        "label_input": "projection" if classes else OneOf(("projection", "auxiliary_classifier")),
    }


GENERATOR = Format(
    "a generator of mimicry's SNGAN",
    ("l1.weight",),
    {"l1.weight", "block2.c1.weight", "block2.c2.weight", "block2.c_sc.weight"}.issubset,
    _generator_fields,
    read_generator,
    clean=residual.clean,
    always={"upsampling": "bilinear", "label_input": "conditional_batch_norm", "game.latent_distribution": "normal"},
)
DISCRIMINATOR = Format(
    "a discriminator of mimicry's SNGAN",
    ("block1.c1.weight", "block1.c1.weight_orig"),
    {"block1.c1.weight", "block1.c_sc.weight", "block2.c1.weight"}.issubset,
    _discriminator_fields,
    read_discriminator,
    clean=residual.clean,
)
