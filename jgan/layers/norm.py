"""Batch normalisation (Ioffe and Szegedy 2015, https://arxiv.org/abs/1502.03167), Algorithms 1 and 2, and its kin.

With a scale and a bias for each class (de Vries et al. 2017, https://arxiv.org/abs/1707.00683) or linear in a vector
(Brock et al. 2019, https://arxiv.org/abs/1809.11096, appendix B), and over an example in place of the batch (layer
normalisation, Ba et al. 2016, https://arxiv.org/abs/1607.06450), over a channel of an example (instance normalisation,
Ulyanov et al. 2016, https://arxiv.org/abs/1607.08022) or over a pixel (Karras et al. 2018,
https://arxiv.org/abs/1710.10196).
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax
from jax.typing import DTypeLike

from jgan.layers.blend import Blend, blended
from jgan.layers.dense import Dense
from jgan.types import Array, Labels

DISCRIMINATOR_NORMS = ("batch", "layer", "spectral", "none")
IMAGE_NORMS = ("batch", "instance", "affine_instance", "none")  # of image-to-image networks
BATCH_STATS = "batch_stats"  # the Flax collection of running averages
MOMENTS = "batch_moments"  # as BATCH_STATS, of one batch alone; only where a caller makes it mutable
ONES = nn.initializers.ones_init()


def pixel_norm(x: Array) -> Array:
    """Each pixel's features [..., c], or each vector, divided by their root mean square: ProGAN's, section 4.2."""
    wide = _float32(x)
    return (wide * lax.rsqrt(jnp.mean(jnp.square(wide), axis=-1, keepdims=True) + 1e-8)).astype(x.dtype)


class BatchNorm(nn.Module):
    """Normalises each channel of [..., c] over all other axes, with flax's names and conventions.

    Parameters `scale`, `bias`; running averages `mean`, `var` (of the biased variance) in `batch_stats`; all [c] and
    float32. Under jit with a sharded batch the statistics are those of the global batch.
    """

    momentum: float = 0.9  # of the running averages: the share of the old value that stays
    epsilon: float = 1e-5
    scale_init: nn.initializers.Initializer = nn.initializers.ones_init()
    bias_init: nn.initializers.Initializer = nn.initializers.zeros_init()

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        """The batch's statistics with `train`, the running ones without. Computes in float32, returns x's dtype."""
        channels = (x.shape[-1],)
        scale = self.param("scale", self.scale_init, channels, jnp.float32)
        bias = self.param("bias", self.bias_init, channels, jnp.float32)
        return _normalize_by_batch(self, x, scale, bias, train)


class ConditionalBatchNorm(nn.Module):
    """`BatchNorm` with a scale and a bias for each class, as the generator of Miyato & Koyama 2018 has it.

    Parameters `scale`, `bias` [num_classes, c]; the statistics are those of all classes together.
    """

    num_classes: int
    momentum: float = 0.9  # as in BatchNorm
    epsilon: float = 1e-5

    @nn.compact
    def __call__(self, x: Array, labels: Labels | Blend, train: bool) -> Array:
        """[n, ..., c] and labels [n], as `BatchNorm`; a label out of range gives NaN."""
        table, channels = (self.num_classes, x.shape[-1]), (x.shape[-1],)
        scale = self.param("scale", nn.initializers.ones_init(), table, jnp.float32)
        bias = self.param("bias", nn.initializers.zeros_init(), table, jnp.float32)
        normal = _normalize_by_batch(self, _float32(x), jnp.ones(channels), jnp.zeros(channels), train)
        between = tuple(range(1, x.ndim - 1))
        scale, bias = (
            lax.expand_dims(blended(functools.partial(jnp.take, values, axis=0), labels), between)
            for values in (scale, bias)
        )
        return (normal * scale + bias).astype(x.dtype)


class ModulatedBatchNorm(nn.Module):
    """`BatchNorm` with scale and bias linear in a vector of each example, as BigGAN's generator has it.

    Layers `scale` (of the scale less 1) and `bias`, kernels [k, c] without biases.
    """

    kernel_init: nn.initializers.Initializer = nn.initializers.lecun_normal()
    spectral_norm: bool = False
    momentum: float = 0.9  # as in BatchNorm
    epsilon: float = 1e-5
    dtype: DTypeLike = "float32"  # compute type of the two layers

    @nn.compact
    def __call__(self, x: Array, condition: Array, train: bool) -> Array:
        """[n, ..., c] and vectors [n, k], as `BatchNorm`."""
        channels, between = (x.shape[-1],), tuple(range(1, x.ndim - 1))
        layer = {"use_bias": False, "spectral_norm": self.spectral_norm, "dtype": self.dtype}
        scale = 1.0 + _float32(Dense(*channels, kernel_init=self.kernel_init, name="scale", **layer)(condition))
        bias = _float32(Dense(*channels, kernel_init=self.kernel_init, name="bias", **layer)(condition))
        normal = _normalize_by_batch(self, _float32(x), jnp.ones(channels), jnp.zeros(channels), train)
        return (normal * lax.expand_dims(scale, between) + lax.expand_dims(bias, between)).astype(x.dtype)


def _normalize_by_batch(
    layer: BatchNorm | ConditionalBatchNorm | ModulatedBatchNorm, x: Array, scale: Array, bias: Array, train: bool
) -> Array:
    """The batch's statistics with `train`, the layer's running ones without."""
    channels = (x.shape[-1],)
    mean = layer.variable(BATCH_STATS, "mean", jnp.zeros, channels, jnp.float32)
    var = layer.variable(BATCH_STATS, "var", jnp.ones, channels, jnp.float32)
    if not train:
        return normalize(x, mean.value, var.value, scale, bias, layer.epsilon)
    if not layer.is_initializing():
        # The same moments as inside batch_normalize: XLA computes them once.
        batch_mean, batch_var = moments(lax.stop_gradient(x))
        mean.value = layer.momentum * mean.value + (1.0 - layer.momentum) * batch_mean
        var.value = layer.momentum * var.value + (1.0 - layer.momentum) * batch_var
        if layer.is_mutable_collection(MOMENTS):
            layer.put_variable(MOMENTS, "mean", batch_mean)
            layer.put_variable(MOMENTS, "var", batch_var)
    return batch_normalize(layer.epsilon, x, scale, bias)


class LayerNorm(nn.Module):
    """Normalises each example over all its axes; parameters `scale`, `bias` [c] are per channel, float32.

    As WGAN-GP normalises its critic: https://github.com/igul222/improved_wgan_training, tflib/ops/layernorm.py.
    """

    epsilon: float = 1e-5

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """[n, ..., c] to the same. Computes in float32, returns x's dtype."""
        channels = (x.shape[-1],)
        scale = self.param("scale", nn.initializers.ones_init(), channels, jnp.float32)
        bias = self.param("bias", nn.initializers.zeros_init(), channels, jnp.float32)
        return layer_normalize(self.epsilon, x, scale, bias)


class InstanceNorm(nn.Module):
    """Normalises each channel of each example over its pixels; without `affine` it has no parameters.

    With it `scale`, `bias` [c], float32. The same in training and after it, as PyTorch's without running averages.
    """

    affine: bool = False
    epsilon: float = 1e-5

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """[n, ..., c] to the same. Computes in float32, returns x's dtype."""
        if not self.affine:
            return instance_normalize(self.epsilon, x)
        channels = (x.shape[-1],)
        scale = self.param("scale", nn.initializers.ones_init(), channels, jnp.float32)
        bias = self.param("bias", nn.initializers.zeros_init(), channels, jnp.float32)
        normal: Array = instance_normalize(self.epsilon, _float32(x))
        scale, bias = (lax.expand_dims(values, _axes(x)) for values in (scale, bias))
        return (normal * scale + bias).astype(x.dtype)


def image_norm(x: Array, norm: str, train: bool, scale_init: nn.initializers.Initializer = ONES) -> Array:
    """What follows a convolution under one of IMAGE_NORMS or DISCRIMINATOR_NORMS; made in the module that calls."""
    if norm in ("instance", "affine_instance"):
        return InstanceNorm(affine=norm == "affine_instance", name="norm")(x)
    return discriminator_norm(x, norm, train, scale_init)


def discriminator_norm(x: Array, norm: str, train: bool, scale_init: nn.initializers.Initializer = ONES) -> Array:
    """What follows a discriminator's convolution under one of DISCRIMINATOR_NORMS; made in the module that calls.

    Spectral norm belongs to the convolution itself.
    """
    if norm == "batch":
        return BatchNorm(scale_init=scale_init, name="norm")(x, train)
    if norm == "layer":
        return LayerNorm(name="norm")(x)
    return x


def moments(x: Array) -> tuple[Array, Array]:
    """Mean and biased variance [c] of [..., c] in float32. Two passes: E[x^2] - E[x]^2 would cancel."""
    x, axes = _float32(x), _axes(x)
    mean = x.mean(axes)
    return mean, jnp.square(x - lax.expand_dims(mean, axes)).mean(axes)


def normalize(x: Array, mean: Array, var: Array, scale: Array, bias: Array, epsilon: float) -> Array:
    """(x - mean) / sqrt(var + epsilon) * scale + bias in float32, per channel, returned in x's dtype."""
    axes = _axes(x)
    factor = lax.expand_dims(scale * lax.rsqrt(var + epsilon), axes)
    centred = _float32(x) - lax.expand_dims(mean, axes)
    return (centred * factor + lax.expand_dims(bias, axes)).astype(x.dtype)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def batch_normalize(epsilon: float, x: Array, scale: Array, bias: Array) -> Array:
    """`normalize` by the moments of [..., c] itself, its gradient in closed form.

    The closed form reads x and the cotangent twice; what automatic differentiation makes of `moments` reads them more
    often, and took 1.3 to 1.6 times as long on CPU. It can be differentiated again.
    """
    return normalize(x, *moments(x), scale, bias, epsilon)


def _batch_normalize_fwd(
    epsilon: float, x: Array, scale: Array, bias: Array
) -> tuple[Array, tuple[Array, Array, Array, Array]]:
    mean, var = moments(x)
    return normalize(x, mean, var, scale, bias, epsilon), (x, mean, lax.rsqrt(var + epsilon), scale)


def _batch_normalize_bwd(
    epsilon: float, saved: tuple[Array, Array, Array, Array], g: Array
) -> tuple[Array, Array, Array]:
    del epsilon  # within `inverse`
    x, mean, inverse, scale = saved
    axes, count = _axes(x), x.size // x.shape[-1]
    centred, g = _float32(x) - lax.expand_dims(mean, axes), _float32(g)
    scale_gradient = (g * centred).sum(axes) * inverse
    bias_gradient = g.sum(axes)
    # Ioffe and Szegedy 2015, section 3, collected: what is left of g without its parts along 1 and along x.
    along_x = lax.expand_dims(inverse * scale_gradient / count, axes)
    along_one = lax.expand_dims(bias_gradient / count, axes)
    x_gradient = lax.expand_dims(scale * inverse, axes) * (g - along_one - centred * along_x)
    return x_gradient.astype(x.dtype), scale_gradient, bias_gradient


batch_normalize.defvjp(_batch_normalize_fwd, _batch_normalize_bwd)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def layer_normalize(epsilon: float, x: Array, scale: Array, bias: Array) -> Array:
    """[n, ..., c] normalised over all axes but the first, times scale [c] plus bias [c], in x's dtype.

    Its gradient is in closed form, as that of `batch_normalize`, and can be differentiated again.
    """
    return _layer_normalize_fwd(epsilon, x, scale, bias)[0]


def _layer_normalize_fwd(
    epsilon: float, x: Array, scale: Array, bias: Array
) -> tuple[Array, tuple[Array, Array, Array, Array]]:
    wide = _float32(x)
    example = tuple(range(1, x.ndim))
    mean = wide.mean(example, keepdims=True)
    inverse = lax.rsqrt(jnp.square(wide - mean).mean(example, keepdims=True) + epsilon)
    scaled = (wide - mean) * inverse * lax.expand_dims(scale, _axes(x))
    return (scaled + lax.expand_dims(bias, _axes(x))).astype(x.dtype), (x, mean, inverse, scale)


def _layer_normalize_bwd(
    epsilon: float, saved: tuple[Array, Array, Array, Array], g: Array
) -> tuple[Array, Array, Array]:
    del epsilon  # within `inverse`
    x, mean, inverse, scale = saved
    example = tuple(range(1, x.ndim))
    normal, g = (_float32(x) - mean) * inverse, _float32(g)
    scaled = g * lax.expand_dims(scale, _axes(x))
    along_x = (scaled * normal).mean(example, keepdims=True)
    x_gradient = inverse * (scaled - scaled.mean(example, keepdims=True) - normal * along_x)
    return x_gradient.astype(x.dtype), (g * normal).sum(_axes(x)), g.sum(_axes(x))


layer_normalize.defvjp(_layer_normalize_fwd, _layer_normalize_bwd)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def instance_normalize(epsilon: float, x: Array) -> Array:
    """[n, ..., c] normalised over all axes between, in x's dtype.

    Its gradient is in closed form, as that of `batch_normalize`, and can be differentiated again.
    """
    return _instance_normalize_fwd(epsilon, x)[0]


def _instance_normalize_fwd(epsilon: float, x: Array) -> tuple[Array, tuple[Array, Array, Array]]:
    wide, pixels = _float32(x), tuple(range(1, x.ndim - 1))
    mean = wide.mean(pixels, keepdims=True)
    inverse = lax.rsqrt(jnp.square(wide - mean).mean(pixels, keepdims=True) + epsilon)
    return ((wide - mean) * inverse).astype(x.dtype), (x, mean, inverse)


def _instance_normalize_bwd(epsilon: float, saved: tuple[Array, Array, Array], g: Array) -> tuple[Array]:
    del epsilon  # within `inverse`
    x, mean, inverse = saved
    pixels = tuple(range(1, x.ndim - 1))
    normal, g = (_float32(x) - mean) * inverse, _float32(g)
    along_x = (g * normal).mean(pixels, keepdims=True)
    return ((inverse * (g - g.mean(pixels, keepdims=True) - normal * along_x)).astype(x.dtype),)


instance_normalize.defvjp(_instance_normalize_fwd, _instance_normalize_bwd)


def _axes(x: Array) -> tuple[int, ...]:
    """All but the channels."""
    return tuple(range(x.ndim - 1))


def _float32(x: Array) -> Array:
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))
