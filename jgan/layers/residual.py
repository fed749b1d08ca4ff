"""The residual blocks of WGAN-GP's and SNGAN's networks.

Gulrajani et al. 2017 (https://arxiv.org/abs/1704.00028), Miyato et al. 2018 (https://arxiv.org/abs/1802.05957).
Structure, widths and initial values are those of https://github.com/pfnet-research/sngan_projection, gen_models and
dis_models/resblocks.py. The 1 x 1 convolution of a shortcut stands at the lower resolution: it commutes with doubling
and with averaging, and costs a quarter there.
"""

from __future__ import annotations

from flax import linen as nn

from jgan.layers.conv import Conv
from jgan.layers.norm import BatchNorm, ConditionalBatchNorm, LayerNorm
from jgan.layers.resample import PooledConv, UpsampledConv, average_pool, upsample
from jgan.types import Array, Labels

GLOROT = nn.initializers.glorot_uniform()
RESIDUAL_INIT = nn.initializers.variance_scaling(2.0, "fan_avg", "uniform")  # Glorot's with a gain of sqrt(2)


class GeneratorBlock(nn.Module):
    """Norm, ReLU, doubling, convolution, norm, ReLU, convolution: [n, h, w, c] to [n, 2 h, 2 w, features]."""

    features: int
    num_classes: int = 0
    spectral_norm: bool = False
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, labels: Labels | None, train: bool) -> Array:
        """In `dtype`. With labels [n] the batch norms are conditional on them, with None they are plain."""
        residual = nn.relu(self._norm(x, labels, train, "norm_1"))
        residual = UpsampledConv(self.features, (3, 3), kernel_init=RESIDUAL_INIT, name="conv_1", **self._layer)(
            residual
        )
        residual = nn.relu(self._norm(residual, labels, train, "norm_2"))
        residual = Conv(self.features, (3, 3), kernel_init=RESIDUAL_INIT, name="conv_2", **self._layer)(residual)
        return residual + upsample(Conv(self.features, (1, 1), kernel_init=GLOROT, name="shortcut", **self._layer)(x))

    @property
    def _layer(self) -> dict:
        return {"dtype": self.dtype, "spectral_norm": self.spectral_norm}

    def _norm(self, x: Array, labels: Labels | None, train: bool, name: str) -> Array:
        if labels is None:
            return BatchNorm(name=name)(x, train)
        return ConditionalBatchNorm(self.num_classes, name=name)(x, labels, train)


class DiscriminatorBlock(nn.Module):
    """Norm, ReLU, convolution, norm, ReLU, convolution, halving: [n, h, w, c] to [n, h / 2, w / 2, features].

    The first block of a network sees images: it has no norm, and no ReLU before its first convolution.
    """

    features: int
    first: bool = False
    downsample: bool = True  # False: no halving
    norm: str = "none"  # or "layer"
    spectral_norm: bool = False
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """In `dtype`."""
        layer = {"dtype": self.dtype, "spectral_norm": self.spectral_norm}
        last = PooledConv if self.downsample else Conv
        hidden = self.features if self.first else x.shape[-1]
        residual = x if self.first else self._activate(x, "norm_1")
        residual = Conv(hidden, (3, 3), kernel_init=RESIDUAL_INIT, name="conv_1", **layer)(residual)
        residual = nn.relu(residual) if self.first else self._activate(residual, "norm_2")
        residual = last(self.features, (3, 3), kernel_init=RESIDUAL_INIT, name="conv_2", **layer)(residual)
        shortcut = average_pool(x) if self.downsample else x
        if self.downsample or x.shape[-1] != self.features:
            shortcut = Conv(self.features, (1, 1), kernel_init=GLOROT, name="shortcut", **layer)(shortcut)
        return residual + shortcut

    def _activate(self, x: Array, name: str) -> Array:
        return nn.relu(LayerNorm(name=name)(x) if self.norm == "layer" else x)
