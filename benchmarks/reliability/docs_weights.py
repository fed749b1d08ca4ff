"""Stand-ins for published files of weights: random numbers under the published names, at the published sizes.

They are written as `torch.save` writes state dicts, without PyTorch.
"""

from __future__ import annotations

import pickle
import runpy
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from documents import ROOT

Tensors = dict[str, np.ndarray]
Shape = tuple[int, ...]


def save_pth(tensors: Tensors, path: Path) -> None:
    """A state dict as the zip of `torch.save`: a pickle that names storages, and a file of bytes for each."""
    data = [b"\x80\x02}("]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for key, (name, array) in enumerate(tensors.items()):
            archive.writestr(f"archive/data/{key}", np.ascontiguousarray(array, "<f4").tobytes())
            strides = tuple(stride // array.itemsize for stride in array.strides)
            storage = b"(" + _push("storage") + b"ctorch\nFloatStorage\n" + _push(str(key), "cpu", array.size) + b"tQ"
            rebuilt = b"(" + storage + _push(0, array.shape, strides, False) + b"}tR"
            data.append(_push(name) + b"ctorch._utils\n_rebuild_tensor_v2\n" + rebuilt)
        archive.writestr("archive/data.pkl", b"".join([*data, b"u."]))


def _push(*values: object) -> bytes:
    """Instructions of a pickle that leave the values on its stack."""
    return b"".join(pickle.dumps(value, 2)[2:-1] for value in values)


def dcgan() -> Tensors:
    """`netG` of PyTorch's DCGAN example, at 64 pixels: nz=100, ngf=64."""
    widths = (100, 512, 256, 128, 64, 3)
    shapes: dict[str, Shape] = {f"main.{3 * i}.weight": (widths[i], widths[i + 1], 4, 4) for i in range(5)}
    for i in range(4):
        shapes |= {f"main.{3 * i + 1}.{leaf}": (widths[i + 1],) for leaf in _NORM}
    return _random(shapes)


def biggan_deep() -> Tensors:
    """BigGAN-deep at 128 pixels of pytorch-pretrained-biggan."""
    layers = [
        *((False, 16, 16), (True, 16, 16), (False, 16, 16), (True, 16, 8), (False, 8, 8), (True, 8, 4)),
        *((False, 4, 4), (True, 4, 2), (False, 2, 2), (True, 2, 1)),
    ]
    sizes = {"CHANNELS": 128, "LATENT_DIM": 128, "NUM_CLASSES": 1000, "LAYERS": layers, "ATTENTION": 8}
    script = runpy.run_path(str(ROOT / "tests/golden/biggan_deep.py"))
    script["draw"].__globals__.update(sizes)  # it is written for a narrow one
    return script["draw"]()


def unet() -> Tensors:
    """`unet_256` of pytorch-CycleGAN-and-pix2pix: batch norm, 64 channels."""
    widths = (3, 64, 128, 256, 512, 512, 512, 512, 512)
    shapes: dict[str, Shape] = {}
    for level in range(1, 9):
        inside = "model.model" + ".1.model" * (level > 1) + ".3.model" * (level - 2)
        before, width = widths[level - 1], widths[level]
        first, last = level == 1, level == 8
        down, up, norm_up = (0, 3, 0) if first else (1, 3, 4) if last else (1, 5, 6)
        shapes[f"{inside}.{down}.weight"] = (width, before, 4, 4)
        shapes[f"{inside}.{up}.weight"] = (width if last else 2 * width, before, 4, 4)
        if first:
            shapes[f"{inside}.{up}.bias"] = (before,)
        else:
            shapes |= {f"{inside}.{norm_up}.{leaf}": (before,) for leaf in _NORM}
        if not first and not last:
            shapes |= {f"{inside}.2.{leaf}": (width,) for leaf in _NORM}
    return _random(shapes)


def resnet() -> Tensors:
    """`resnet_9blocks` of pytorch-CycleGAN-and-pix2pix as CycleGAN's: instance norm, no dropout."""
    layers: dict[str, Shape] = {"model.1": (64, 3, 7, 7), "model.4": (128, 64, 3, 3), "model.7": (256, 128, 3, 3)}
    layers |= {f"model.{10 + i}.conv_block.{place}": (256, 256, 3, 3) for i in range(9) for place in (1, 5)}
    layers |= {"model.19": (256, 128, 3, 3), "model.22": (128, 64, 3, 3), "model.26": (3, 64, 7, 7)}
    turned = ("model.19", "model.22")  # transposed convolutions: [in, out, h, w]
    return _random(dict(_with_biases(layers, turned)))


def rrdbnet() -> Tensors:
    """`RealESRGAN_x4plus.pth`: 23 blocks of 64 channels that grow by 32."""
    layers: dict[str, Shape] = {"conv_first": (64, 3, 3, 3), "conv_last": (3, 64, 3, 3)}
    layers |= dict.fromkeys(("conv_body", "conv_up1", "conv_up2", "conv_hr"), (64, 64, 3, 3))
    for block in range(23):
        for dense in (1, 2, 3):
            for place in range(1, 6):
                out = 64 if place == 5 else 32
                layers[f"body.{block}.rdb{dense}.conv{place}"] = (out, 64 + 32 * (place - 1), 3, 3)
    return {f"params_ema.{name}": array for name, array in _random(dict(_with_biases(layers))).items()}


def vgg19() -> Tensors:
    """VGG-19 of torchvision, its convolutions alone."""
    widths = (64, 64, 0, 128, 128, 0, *[256] * 4, 0, *[512] * 4, 0, *[512] * 4)
    layers, place, before = {}, 0, 3
    for width in widths:
        if width:
            layers[f"features.{place}"] = (width, before, 3, 3)
            before = width
        place += 2 if width else 1
    return _random(dict(_with_biases(layers)))


def stylegan2() -> Tensors:
    """G_ema, G and D of stylegan2-ada-pytorch at 64 pixels, with 32 channels and two mapping layers."""
    wide, sides = 32, (4, 8, 16, 32, 64)
    layers: dict[str, Shape] = {f"mapping.fc{index}": (wide, wide) for index in range(2)}
    others: dict[str, Shape] = {"mapping.w_avg": (wide,), "synthesis.b4.const": (wide, 4, 4)}
    for side in sides:
        block = f"synthesis.b{side}"
        for name in ("conv1",) if side == 4 else ("conv0", "conv1"):
            layers |= {f"{block}.{name}": (wide, wide, 3, 3), f"{block}.{name}.affine": (wide, wide)}
            others |= {f"{block}.{name}.noise_strength": (), f"{block}.{name}.noise_const": (side, side)}
            others |= {f"{block}.{name}.resample_filter": (4, 4)}
        layers |= {f"{block}.torgb": (3, wide, 1, 1), f"{block}.torgb.affine": (wide, wide)}
        others |= {f"{block}.resample_filter": (4, 4)}
    generator = _random({**dict(_with_biases(layers)), **others})
    layers = {"b64.fromrgb": (wide, 3, 1, 1), "b4.conv": (wide, wide + 1, 3, 3), "b4.fc": (wide, 16 * wide)}
    skips: dict[str, Shape] = {}
    for side in sides[1:]:
        layers |= {f"b{side}.conv0": (wide, wide, 3, 3), f"b{side}.conv1": (wide, wide, 3, 3)}
        skips |= {f"b{side}.skip.weight": (wide, wide, 1, 1)}
    layers |= {"b4.out": (1, wide)}
    filters = {f"{name}.resample_filter": (4, 4) for name in ("b64.fromrgb", *(f"b{side}" for side in sides[1:]))}
    filters |= {f"b{side}.{name}.resample_filter": (4, 4) for side in sides[1:] for name in ("conv0", "conv1", "skip")}
    filters |= {"b4.conv.resample_filter": (4, 4)}
    discriminator = _random({**dict(_with_biases(layers)), **skips, **filters})
    both = {"G_ema": generator, "G": generator, "D": discriminator}
    taps = np.asarray(np.outer((1, 3, 3, 1), (1, 3, 3, 1)) / 64, np.float32)
    return {
        f"{network}.{name}": taps if name.endswith("resample_filter") else array
        for network, tensors in both.items()
        for name, array in tensors.items()
    }


_NORM = ("weight", "bias", "running_mean", "running_var")


def _with_biases(layers: dict[str, Shape], turned: tuple[str, ...] = ()) -> Iterator[tuple[str, Shape]]:
    for name, shape in layers.items():
        yield f"{name}.weight", shape
        yield f"{name}.bias", (shape[1 if name in turned else 0],)


def _random(shapes: dict[str, Shape]) -> Tensors:
    """Kernels of unit gain, norms near that of nothing, variances above 0."""
    random = np.random.default_rng(0)
    tensors = {}
    for name, shape in shapes.items():
        if len(shape) > 1:
            array = random.standard_normal(shape, np.float32) * np.float32(np.prod(shape[1:]) ** -0.5)
        elif name.endswith("running_var"):
            array = random.uniform(0.5, 1.5, shape)
        else:
            array = 0.1 * random.standard_normal(shape) + name.endswith(".weight")
        tensors[name] = np.asarray(array, np.float32)
    return tensors


FILES = {
    "netG.pth": dcgan,
    "pytorch_model.bin": biggan_deep,
    "latest_net_G.pth": unet,
    "horse2zebra.pth": resnet,
    "RealESRGAN_x4plus.pth": rrdbnet,
    "vgg19-dcbb9e9d.pth": vgg19,
    "ffhq.pth": stylegan2,
}
