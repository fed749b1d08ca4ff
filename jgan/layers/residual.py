"""The residual blocks of WGAN-GP's, SNGAN's, SAGAN's and BigGAN's networks.

Gulrajani et al. 2017 (https://arxiv.org/abs/1704.00028), Miyato et al. 2018 (https://arxiv.org/abs/1802.05957).
Structure, widths and initial values are those of https://github.com/pfnet-research/sngan_projection, gen_models and
dis_models/resblocks.py. The 1 x 1 convolution of a shortcut stands at the lower resolution: it commutes with doubling
and with averaging, and costs a quarter there.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from flax import linen as nn

from jgan.layers.blend import Blend
from jgan.layers.conv import Conv
from jgan.layers.norm import BatchNorm, ConditionalBatchNorm, LayerNorm, ModulatedBatchNorm
from jgan.layers.resample import PooledConv, UpsampledConv, average_pool, upsample, upsample_bilinear
from jgan.types import Array

GLOROT = nn.initializers.glorot_uniform()
RESIDUAL_INIT = nn.initializers.variance_scaling(2.0, "fan_avg", "uniform")  # Glorot's with a gain of sqrt(2)
ORTHOGONAL = nn.initializers.orthogonal()  # Saxe et al. 2014, https://arxiv.org/abs/1312.6120; BigGAN's


class KernelInit(NamedTuple):
    """The initial kernels of a residual network."""

    residual: nn.initializers.Initializer = RESIDUAL_INIT  # of the 3 x 3 convolutions in blocks
    other: nn.initializers.Initializer = GLOROT


KERNEL_INITS = {
    "glorot": KernelInit(),
    "orthogonal": KernelInit(ORTHOGONAL, ORTHOGONAL),
    "normal": KernelInit(nn.initializers.normal(0.02), nn.initializers.normal(0.02)),
}


UPSAMPLINGS = ("nearest", "bilinear")


class GeneratorBlock(nn.Module):
    """Norm, ReLU, doubling, convolution, norm, ReLU, convolution: [n, h, w, c] to [n, 2 h, 2 w, features]."""

    features: int
    num_classes: int = 0
    spectral_norm: bool = False
    kernel_init: KernelInit = KERNEL_INITS["glorot"]
    dtype: str = "float32"
    upsampling: str = "nearest"  # one of UPSAMPLINGS

    @nn.compact
    def __call__(self, x: Array, condition: Array | None, train: bool) -> Array:
        """In `dtype`. The batch norms depend on labels [n] or on vectors [n, k]; with None they are plain."""
        layer = {"dtype": self.dtype, "spectral_norm": self.spectral_norm}
        convolution = {"kernel_size": (3, 3), "kernel_init": self.kernel_init.residual, **layer}
        residual = nn.relu(self._norm(x, condition, train, "norm_1"))
        if self.upsampling == "bilinear":
            residual = Conv(self.features, name="conv_1", **convolution)(upsample_bilinear(residual, 2))
        else:
            residual = UpsampledConv(self.features, name="conv_1", **convolution)(residual)
        residual = nn.relu(self._norm(residual, condition, train, "norm_2"))
        residual = Conv(self.features, name="conv_2", **convolution)(residual)
        shortcut = Conv(self.features, (1, 1), kernel_init=self.kernel_init.other, name="shortcut", **layer)
        double = upsample_bilinear if self.upsampling == "bilinear" else upsample
        return residual + double(shortcut(x), 2)

    def _norm(self, x: Array, condition: Array | None, train: bool, name: str) -> Array:
        if condition is None:
            return BatchNorm(name=name)(x, train)
        if isinstance(condition, Blend) or jnp.issubdtype(condition.dtype, jnp.integer):
            return ConditionalBatchNorm(self.num_classes, name=name)(x, condition, train)
        layer = ModulatedBatchNorm(self.kernel_init.other, self.spectral_norm, dtype=self.dtype, name=name)
        return layer(x, condition, train)


class DiscriminatorBlock(nn.Module):
    """Norm, ReLU, convolution, norm, ReLU, convolution, halving: [n, h, w, c] to [n, h / 2, w / 2, features].

    The first block of a network sees images: it has no norm, and no ReLU before its first convolution.
    """

    features: int
    first: bool = False
    downsample: bool = True  # False: no halving
    wide: bool = False  # the first convolution already has all features, as in SAGAN; else only the first block's
    norm: str = "none"  # or "layer"
    spectral_norm: bool = False
    kernel_init: KernelInit = KERNEL_INITS["glorot"]
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """In `dtype`."""
        layer = {"dtype": self.dtype, "spectral_norm": self.spectral_norm}
        last = PooledConv if self.downsample else Conv
        hidden = self.features if self.first or self.wide else x.shape[-1]
        residual = x if self.first else self._activate(x, "norm_1")
        residual = Conv(hidden, (3, 3), kernel_init=self.kernel_init.residual, name="conv_1", **layer)(residual)
        residual = nn.relu(residual) if self.first else self._activate(residual, "norm_2")
        residual = last(self.features, (3, 3), kernel_init=self.kernel_init.residual, name="conv_2", **layer)(residual)
        shortcut = average_pool(x) if self.downsample else x
        if self.downsample or x.shape[-1] != self.features:
            project = Conv(self.features, (1, 1), kernel_init=self.kernel_init.other, name="shortcut", **layer)
            shortcut = project(shortcut)
        return residual + shortcut

    def _activate(self, x: Array, name: str) -> Array:
        return nn.relu(LayerNorm(name=name)(x) if self.norm == "layer" else x)
