"""The Inception v3 of FID: the TensorFlow graph of 2015-12-05 (Szegedy et al. 2015, https://arxiv.org/abs/1512.00567).

It is not torchvision's: its average pools leave the padding out of the mean, its last block has a max pool in place of
an average one, and it has 1,008 logits. Layers are named as in pytorch-fid (https://github.com/mseitzer/pytorch-fid)
and torch-fidelity, whose weight file is read; each batch norm, which is fixed here, is folded into its convolution.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jgan.backbones.checks import check_rgb
from jgan.backbones.frozen_layers import average_pool, convolve, max_pool
from jgan.types import Array, PyTree, UserError

Resize = Literal["tf1", "clean"]
Take = Callable[[str, tuple[int, ...]], np.ndarray]

INPUT_RESOLUTION = 299
BATCH_NORM_EPSILON = 1e-3
FEATURES = {"64": 64, "192": 192, "768": 768, "pool": 2048, "logits": 1008, "logits_unbiased": 1008}  # name: width


class InceptionV3(nn.Module):
    """Images [n, 299, 299, 3] in [-1, 1) to features, float32: the keys of FEATURES, each [n, width].

    "64", "192" and "768" are means over the positions of those blocks; "pool" is the 2048-wide layer of FID and KID;
    "logits_unbiased", the logits without their bias, is what the Inception Score is computed from in the original code.
    """

    dtype: str = "float32"

    @nn.compact
    def __call__(self, images: Array) -> dict[str, Array]:
        """`images` are not resized here: see `preprocess`."""
        conv = functools.partial(ConvUnit, dtype=self.dtype)
        x = conv(32, (3, 3), 2, name="Conv2d_1a_3x3")(images.astype(self.dtype))
        x = conv(32, (3, 3), padding="VALID", name="Conv2d_2a_3x3")(x)
        x = conv(64, (3, 3), name="Conv2d_2b_3x3")(x)
        x = max_pool(x)
        features = {"64": _mean(x)}
        x = conv(80, (1, 1), name="Conv2d_3b_1x1")(x)
        x = conv(192, (3, 3), padding="VALID", name="Conv2d_4a_3x3")(x)
        x = max_pool(x)
        features["192"] = _mean(x)
        for name, width in (("Mixed_5b", 32), ("Mixed_5c", 64), ("Mixed_5d", 64)):
            x = BlockA(width, self.dtype, name=name)(x)
        x = BlockB(self.dtype, name="Mixed_6a")(x)
        for name, width in (("Mixed_6b", 128), ("Mixed_6c", 160), ("Mixed_6d", 160), ("Mixed_6e", 192)):
            x = BlockC(width, self.dtype, name=name)(x)
        features["768"] = _mean(x)
        x = BlockD(self.dtype, name="Mixed_7a")(x)
        x = BlockE("average", self.dtype, name="Mixed_7b")(x)
        x = BlockE("max", self.dtype, name="Mixed_7c")(x)
        features["pool"] = _mean(x)
        kernel = self.param("fc_kernel", nn.initializers.lecun_normal(), (2048, 1008))
        features["logits_unbiased"] = jnp.matmul(features["pool"], kernel, precision="highest")
        bias = self.param("fc_bias", nn.initializers.zeros, (1008,))
        features["logits"] = features["logits_unbiased"] + bias[None]
        return features


class ConvUnit(nn.Module):
    """Convolution and ReLU; with a stride there is no padding."""

    features: int
    kernel: tuple[int, int]
    stride: int = 1
    padding: Literal["SAME", "VALID"] = "SAME"
    average: bool = False  # before the ReLU, over 3 x 3: by linearity as before a 1 x 1 convolution, of fewer channels
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """[n, h, w, c] to [n, h', w', features]."""
        padding = self.padding if self.stride == 1 else "VALID"
        conv = nn.Conv(
            self.features,
            self.kernel,
            self.stride,
            padding,
            dtype=self.dtype,
            precision="highest",  # or a GPU would round float32 to 10 bits
            conv_general_dilated=convolve,
            name="conv",
        )
        x = average_pool(conv(x)) if self.average else conv(x)
        return nn.relu(x)


class _Block(nn.Module):
    """What the blocks share: chains of convolutions, joined over channels."""

    def chain(self, x: Array, name: str, *layers: tuple[int, tuple[int, int]], stride: int = 1) -> Array:
        """Convolutions one after the other, named name_1, name_2, ...; the last has the stride."""
        for index, (features, kernel) in enumerate(layers, start=1):
            last = index == len(layers)
            full_name = f"{name}_{index}" if len(layers) > 1 else name
            x = ConvUnit(features, kernel, stride if last else 1, dtype=self.dtype, name=full_name)(x)
        return x


class BlockA(_Block):
    """35 x 35."""

    pool_features: int
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """[n, 35, 35, c] to [n, 35, 35, 224 + pool_features]."""
        return _join(
            self.chain(x, "branch1x1", (64, (1, 1))),
            self.chain(x, "branch5x5", (48, (1, 1)), (64, (5, 5))),
            self.chain(x, "branch3x3dbl", (64, (1, 1)), (96, (3, 3)), (96, (3, 3))),
            ConvUnit(self.pool_features, (1, 1), average=True, dtype=self.dtype, name="branch_pool")(x),
        )


class BlockB(_Block):
    """35 x 35 to 17 x 17."""

    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """[n, 35, 35, 288] to [n, 17, 17, 768]."""
        return _join(
            self.chain(x, "branch3x3", (384, (3, 3)), stride=2),
            self.chain(x, "branch3x3dbl", (64, (1, 1)), (96, (3, 3)), (96, (3, 3)), stride=2),
            max_pool(x),
        )


class BlockC(_Block):
    """17 x 17, with 7 x 7 convolutions in two factors."""

    width: int
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """[n, 17, 17, 768] to the same."""
        width, wide, high = self.width, (1, 7), (7, 1)
        return _join(
            self.chain(x, "branch1x1", (192, (1, 1))),
            self.chain(x, "branch7x7", (width, (1, 1)), (width, wide), (192, high)),
            self.chain(x, "branch7x7dbl", (width, (1, 1)), (width, high), (width, wide), (width, high), (192, wide)),
            ConvUnit(192, (1, 1), average=True, dtype=self.dtype, name="branch_pool")(x),
        )


class BlockD(_Block):
    """17 x 17 to 8 x 8."""

    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """[n, 17, 17, 768] to [n, 8, 8, 1280]."""
        return _join(
            self.chain(x, "branch3x3", (192, (1, 1)), (320, (3, 3)), stride=2),
            self.chain(x, "branch7x7x3", (192, (1, 1)), (192, (1, 7)), (192, (7, 1)), (192, (3, 3)), stride=2),
            max_pool(x),
        )


class BlockE(_Block):
    """8 x 8, with branches that fork at their end."""

    pool: Literal["average", "max"]
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """[n, 8, 8, c] to [n, 8, 8, 2048]."""
        average = self.pool == "average"
        pooled = x if average else max_pool(x, stride=1, padding="SAME")
        single = self.chain(x, "branch3x3_1", (384, (1, 1)))
        double = self.chain(x, "branch3x3dbl", (448, (1, 1)), (384, (3, 3)))
        return _join(
            self.chain(x, "branch1x1", (320, (1, 1))),
            self.chain(single, "branch3x3_2a", (384, (1, 3))),
            self.chain(single, "branch3x3_2b", (384, (3, 1))),
            self.chain(double, "branch3x3dbl_3a", (384, (1, 3))),
            self.chain(double, "branch3x3dbl_3b", (384, (3, 1))),
            ConvUnit(192, (1, 1), average=average, dtype=self.dtype, name="branch_pool")(pooled),
        )


def _join(*branches: Array) -> Array:
    return jnp.concatenate(branches, axis=-1)


def _mean(x: Array) -> Array:
    return x.astype(jnp.float32).mean((1, 2))


# ---------------------------------------------------------------- pixels in


def preprocess(images: Array, resize: Resize = "tf1") -> Array:
    """uint8 images [n, h, w, 3] to the network's input [n, 299, 299, 3], float32, (pixel - 128) / 128.

    "tf1" is the original's bilinear resize, without half-pixel centres and without antialiasing; "clean" is clean-fid's
    (Parmar et al. 2022, https://arxiv.org/abs/2104.11222): bicubic, antialiased, clipped to 0..255 and not rounded.

    Raises:
      UserError: the images are not uint8 of three channels.
    """
    check_rgb(images)
    pixels = images.astype(jnp.float32)
    if resize == "clean":
        shape = (images.shape[0], INPUT_RESOLUTION, INPUT_RESOLUTION, 3)
        pixels = jnp.clip(jax.image.resize(pixels, shape, "cubic", antialias=True), 0.0, 255.0)
    else:
        pixels = _resize_tf1(_resize_tf1(pixels, axis=2), axis=1)
    return (pixels - 128.0) / 128.0


def _resize_tf1(pixels: Array, axis: int) -> Array:
    """tf.image.resize_bilinear of TensorFlow 1 (align_corners=False) along one axis."""
    size = pixels.shape[axis]
    positions = np.arange(INPUT_RESOLUTION, dtype=np.float32) * np.float32(size / INPUT_RESOLUTION)
    low = positions.astype(np.int32)
    share = (positions - low).reshape([-1 if dim == axis else 1 for dim in range(4)])
    first = jnp.take(pixels, low, axis=axis)
    second = jnp.take(pixels, np.minimum(low + 1, size - 1), axis=axis)
    return first + (second - first) * share


# ---------------------------------------------------------------- weights in


def variables_from(weights: Mapping[str, np.ndarray]) -> PyTree:
    """The network's variables from a state dict of pytorch-fid or torch-fidelity.

    Raises:
      UserError: arrays are missing, not known, or of another shape; it names the first of each.
    """
    target = jax.eval_shape(
        InceptionV3().init, jax.random.key(0), jnp.zeros((1, INPUT_RESOLUTION, INPUT_RESOLUTION, 3))
    )
    left = {name: array for name, array in weights.items() if not name.endswith("num_batches_tracked")}
    missing: list[str] = []

    def take(name: str, shape: tuple[int, ...]) -> np.ndarray:
        if name not in left:
            missing.append(name)
            return np.zeros(shape, np.float32)
        array = left.pop(name)
        if array.shape != shape:
            raise UserError(f"Inception weights: {name} has shape {array.shape}, expected {shape}")
        return np.asarray(array, np.float32)

    def build(node: Mapping, path: str) -> dict:
        if "conv" in node:
            return {"conv": _folded(take, path, node["conv"]["kernel"].shape)}
        return {name: build(child, f"{path}.{name}" if path else name) for name, child in node.items()}

    params = build({name: node for name, node in target["params"].items() if isinstance(node, Mapping)}, "")
    params |= {"fc_kernel": take("fc.weight", (1008, 2048)).T, "fc_bias": take("fc.bias", (1008,))}
    if missing or left:
        parts = [f"{len(missing)} arrays are missing, first {missing[0]}"] if missing else []
        parts += [f"{len(left)} are not known, first {next(iter(left))}"] if left else []
        raise UserError(
            f"Inception weights: {'; '.join(parts)}; expected the file pt_inception-2015-12-05 of pytorch-fid"
        )
    return {"params": params}


def _folded(take: Take, path: str, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Kernel [h, w, in, out] and bias of a convolution together with the batch norm behind it."""
    height, width, inputs, outputs = shape
    kernel = take(f"{path}.conv.weight", (outputs, inputs, height, width))
    scale, shift, mean, variance = (
        take(f"{path}.bn.{name}", (outputs,)) for name in ("weight", "bias", "running_mean", "running_var")
    )
    scale = scale / np.sqrt(variance + BATCH_NORM_EPSILON)
    return {"kernel": (kernel * scale[:, None, None, None]).transpose(2, 3, 1, 0), "bias": shift - mean * scale}
