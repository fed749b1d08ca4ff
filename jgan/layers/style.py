"""Layers that a style steers: the mapping network and modulated convolutions of StyleGAN2.

Karras et al. 2020 (https://arxiv.org/abs/1912.04958), section 2 and Figure 2; checked against
https://github.com/NVlabs/stylegan2-ada-pytorch. Modulation scales the features before one dense convolution, and
demodulation those behind it, which is the same as a kernel for each image.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax

from jgan.layers.blend import one_hot
from jgan.layers.conditioning import required
from jgan.layers.conv import conv, conv_transpose
from jgan.layers.dense import Dense
from jgan.layers.equalized import EQUALIZED_INIT
from jgan.layers.norm import pixel_norm
from jgan.layers.smooth import smooth
from jgan.types import AVERAGES, CONSTANTS, Array, Images, Labels, Latents, PyTree

SLOPE = 0.2  # of the leaky ReLUs
GAIN = math.sqrt(2.0)  # behind them
MAPPING_RATE = 0.01  # of the mapping's learning rate to the others'
STYLE_DECAY = 0.995  # of the average style, at each training batch

Noise = Array | None  # [n, pixels]; None: the constant one


@functools.partial(jax.custom_jvp, nondiff_argnums=(1, 2))
def activate(x: Array, clamp: float = 0.0, gain: float = 1.0) -> Array:
    """Leaky ReLU that keeps the variance, times `gain`, held in +- clamp * gain unless that is 0.

    Differentiable in any order; derivatives of its slope, a constant on both sides, are programs that XLA would compile
    for zeros.
    """
    y = x * _slope(x, gain)
    return jnp.clip(y, -clamp * gain, clamp * gain) if clamp else y


@activate.defjvp
def _activate_jvp(clamp: float, gain: float, primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    x, slope = primals[0], _slope(primals[0], gain)
    if clamp:
        slope = jnp.where(jnp.abs(x * slope) <= clamp * gain, slope, jnp.zeros((), x.dtype))
    return activate(x, clamp, gain), tangents[0] * slope


def _slope(x: Array, gain: float) -> Array:
    steep, flat = (jnp.asarray(GAIN * gain * slope, x.dtype) for slope in (1.0, SLOPE))
    return jnp.where(x >= 0, steep, flat)


class SlowDense(nn.Module):
    """A fully connected layer with a leaky ReLU, whose weights learn at `rate` times the learning rate of others.

    Parameters `kernel` [in, out] of N(0, 1 / rate^2), which is used times rate / sqrt(in), and `bias` [out], used
    times rate and `bias_gain`.
    """

    features: int
    rate: float = MAPPING_RATE
    bias_gain: float = 1.0

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """[n, in] to [n, features], float32."""
        normal = nn.initializers.normal(1.0 / self.rate)
        kernel = self.param("kernel", normal, (x.shape[-1], self.features), jnp.float32)
        bias = self.param("bias", nn.initializers.zeros_init(), (self.features,), jnp.float32)
        y = x @ (kernel * (self.rate / math.sqrt(x.shape[-1]))) + self.bias_gain * self.rate * bias[None]
        return activate(y)


class Mapping(nn.Module):
    """Latents [n, z], and labels [n] with classes, to styles [n, w] (Karras et al. 2019, arXiv 1812.04948).

    With `z` of None, labels alone: the discriminator's. The average style over training batches is the variable
    `style` [w] of AVERAGES, where `averaged`.
    """

    features: int = 512
    layers: int = 8
    num_classes: int = 0
    averaged: bool = True
    decay: float = STYLE_DECAY
    bias_gain: float = 1.0  # of the layers, as in SlowDense

    @nn.compact
    def __call__(
        self,
        latents: Latents | None,
        labels: Labels | None,
        *,
        advance: bool = False,
        transition: Array | None = None,
    ) -> Array:
        """Styles in float32; the average moves with `advance`.

        In a `transition`, from 0 to 1, the first layer takes latents alone, and that share of a layer of the labels is
        added behind it (Shahbazi et al. 2022, arXiv 2201.06578, 4.1); so 0 is a mapping without classes.
        """
        x = self.join(latents, labels) if transition is None else pixel_norm(required(latents).astype(jnp.float32))
        for index in range(self.layers):
            x = SlowDense(self.features, bias_gain=self.bias_gain, name=f"dense_{index}")(x)
            if index == 0 and transition is not None:
                from_labels = SlowDense(self.features, bias_gain=self.bias_gain, name="dense_labels")
                x = x + transition * from_labels(self._embed(labels))
        if self.averaged:
            average = self.variable(AVERAGES, "style", jnp.zeros, (self.features,))
            if advance and not self.is_initializing() and self.is_mutable_collection(AVERAGES):
                average.value = lerp(lax.stop_gradient(x).mean(0), average.value, self.decay)
        return x

    def join(self, latents: Latents | None, labels: Labels | None) -> Array:
        """What the first layer takes [n, z + w]: latents and embedded labels, each normalised; or one of them."""
        inputs = [] if latents is None else [pixel_norm(latents.astype(jnp.float32))]
        inputs += [self._embed(labels)] if self.num_classes else []
        return jnp.concatenate(inputs, axis=-1)

    def _embed(self, labels: Labels | None) -> Array:
        embed = Dense(self.features, kernel_init=EQUALIZED_INIT, equalized=1.0, name="embed")
        return pixel_norm(embed(one_hot(required(labels), self.num_classes)))


class StyledGenerator(nn.Module):
    """Latents [n, z], and labels [n] with classes, to styles, and styles to images.

    A subclass sets up `mapping`, a `Mapping`, says how many styles it takes, and has a method `synthesize(styles,
    train=)`, from [n, layers, w] to images [n, h, w, c] in float32. `growth` is what a game gives networks that grow
    (jgan/games/growing.py), and is empty for others.
    """

    @property
    def num_styles(self) -> int:
        """Layers that take a style of their own."""
        raise NotImplementedError

    @property
    def averages_once(self) -> bool:
        """Whether its averages move where the discriminator learns alone; else with all images made for training."""
        return False

    def styles_in_use(self, **growth: Any) -> int:
        """Of these, the first so many are there yet."""
        del growth
        return self.num_styles

    def __call__(
        self,
        latents: Latents,
        labels: Labels | None = None,
        *,
        train: bool,
        transition: Array | None = None,
        **growth: Any,
    ) -> Images:
        """Images [n, h, w, c] in float32."""
        styles = self.styles(latents, labels, train=train, transition=transition, **growth)
        return self.synthesize(styles, train=train, **growth)

    def styles(
        self,
        latents: Latents,
        labels: Labels | None = None,
        *,
        train: bool,
        transition: Array | None = None,
        **growth: Any,
    ) -> Array:
        """The styles [n, layers, w], the same for all layers; the average style moves with `train`."""
        style = self.mapping(latents, labels, advance=train, transition=transition)
        return jnp.repeat(style[:, None], self.styles_in_use(**growth), axis=1)


def average_style(variables: PyTree) -> Array:
    """The average style [w] in the variables of a generator that has a `Mapping` of the name "mapping"."""
    return variables[AVERAGES]["mapping"]["style"]


def lerp(start: Array, end: Array, share: float | Array) -> Array:
    """`share` of the end and the rest of the start."""
    return start + share * (end - start)


def draw_noises(rng: Array, count: int, pixels: Sequence[int]) -> list[Array]:
    """Random noise [count, pixels] for each layer, one plane an image.

    All numbers are drawn at once: a program for each layer would take most of the compilation.
    """
    drawn = jax.random.normal(rng, (count, sum(pixels)))
    return jnp.split(drawn, list(itertools.accumulate(pixels))[:-1], axis=1)


def noise_planes(layer: nn.Module, noise: Noise, height: int, width: int) -> Array:
    """The noise [n or 1, h, w, 1] that a layer adds: the given one [n, h w], or its constant one, "noise" of CONSTANTS.

    Made in the module that calls; the constant noise [h, w] is a first draw of N(0, 1).
    """
    constant = layer.variable(CONSTANTS, "noise", lambda: jax.random.normal(layer.make_rng("params"), (height, width)))
    return (constant.value[None] if noise is None else noise.reshape(-1, height, width))[..., None]


class ModulatedConv(nn.Module):
    """A convolution whose input channels a style scales, with its outputs' variance held (2.2, equation 3).

    Parameters: `kernel` [k, k, in, out] of N(0, 1), and `style` (Dense, [w] to [in], biased to 1). With `up` the
    resolution doubles: a transposed convolution, then the filter. Without `demodulate` (a layer of colours) the styles
    are divided by sqrt(in k^2) in place of it.
    """

    features: int
    kernel_size: int = 3
    up: bool = False
    demodulate: bool = True
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, style: Array) -> Array:
        """[n, h, w, in] and [n, w] to [n, h, w, features], or twice as high and wide, in `dtype`."""
        size, channels = self.kernel_size, x.shape[-1]
        ones = nn.initializers.ones_init()
        affine = Dense(channels, kernel_init=EQUALIZED_INIT, bias_init=ones, equalized=1.0, name="style")
        scales = affine(style)
        kernel = self.param("kernel", EQUALIZED_INIT, (size, size, channels, self.features), jnp.float32)
        if not self.demodulate:
            scales = scales / math.sqrt(size * size * channels)
        y = x.astype(self.dtype) * scales[:, None, None].astype(self.dtype)
        if self.up:
            y = smooth(conv_transpose(y, kernel.swapaxes(2, 3), (2, 2), "VALID"), 1, 1, gain=4.0)
        else:
            y = conv(y, kernel)
        if not self.demodulate:
            return y
        norms = jnp.square(scales) @ jnp.square(kernel).sum((0, 1))
        return y * lax.rsqrt(norms + 1e-8)[:, None, None].astype(y.dtype)


class StyledConv(nn.Module):
    """A modulated convolution, noise, bias and leaky ReLU: a layer of the synthesis network.

    Parameters `conv`, `noise_strength` [] and `bias` [features]; `noise` [h, w] of CONSTANTS is what a trained network
    adds in place of random noise.
    """

    features: int
    up: bool = False
    clamp: float = 0.0
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, style: Array, noise: Array | None = None) -> Array:
        """[n, h, w, in], [n, w] and noise [n, pixels of the output] to [n, h, w, features] in `dtype`.

        Twice as high and wide with `up`. Without noise the constant one is added.
        """
        y = ModulatedConv(self.features, up=self.up, dtype=self.dtype, name="conv")(x, style)
        _, height, width, _ = y.shape
        added = noise_planes(self, noise, height, width)
        strength = self.param("noise_strength", nn.initializers.zeros_init(), (), jnp.float32)
        bias = self.param("bias", nn.initializers.zeros_init(), (self.features,), jnp.float32)
        y = y + (added * strength).astype(y.dtype)
        return activate(y + bias[None, None, None].astype(y.dtype), self.clamp)
