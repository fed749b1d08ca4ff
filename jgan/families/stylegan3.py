"""StyleGAN3 (Karras et al. 2021, https://arxiv.org/abs/2106.12423): layers without aliasing, on Fourier features.

T and R of section 3 and appendix F; checked against https://github.com/NVlabs/stylegan3. The discriminator is
StyleGAN2's. As in the released code the moving averages move where the discriminator learns. One thing differs from it
and changes no image: an image's styles are normalised by themselves, not by all of its batch, which demodulation takes
out again. A batch's mean square of inputs is that of a microbatch, with the same half-life in images.
"""

from __future__ import annotations

import functools
import math

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from jgan.families.stylegan2 import CLAMP, Discriminator, widths_of
from jgan.games.style import StyleGAN
from jgan.layers.bands import Band, bands_of, resampling_of
from jgan.layers.conv import conv
from jgan.layers.conv_forms import zero_pad
from jgan.layers.dense import Dense
from jgan.layers.equalized import EQUALIZED_INIT, equalize
from jgan.layers.lowpass import downsample_filtered, upsample_filtered
from jgan.layers.minibatch import GROUP
from jgan.layers.style import AVERAGES, CONSTANTS, Mapping, StyledGenerator, activate, lerp
from jgan.types import Array, Images, PyTree

STYLE_DECAY = 0.998  # of the average style
MAGNITUDE_HALF_LIFE = 20_000.0  # in images
OUTPUT_SCALE = 0.25
BLUR_SIGMA = 10.0  # in pixels, of what R's discriminator sees first


class FourierInput(nn.Module):
    """Fourier features, turned and shifted by the style, through a trainable mapping: the layers' first input.

    Parameters `kernel` [channels, channels] and `affine` (Dense, [w] to 4). CONSTANTS holds `frequencies`
    [channels, 2] and `phases` [channels], drawn once, and `transform` [3, 3], the inverse of what the user does to the
    image, which is 1 wide and centred at 0: the identity until somebody sets it.
    """

    band: Band

    @nn.compact
    def __call__(self, style: Array) -> Array:
        """[n, w] to [n, size, size, channels] in float32."""
        band, channels = self.band, self.band.channels
        frequencies = self.variable(CONSTANTS, "frequencies", self._first_frequencies, (channels, 2)).value
        phases = self.variable(CONSTANTS, "phases", self._first_phases, (channels,)).value
        user = self.variable(CONSTANTS, "transform", jnp.eye, 3).value
        affine = Dense(4, kernel_init=nn.initializers.zeros_init(), bias_init=_identity, equalized=1.0, name="affine")
        exactly = functools.partial(jnp.einsum, precision=lax.Precision.HIGHEST)  # multiples of 2 pi are to come
        transforms = exactly("nij,jk->nik", _turned_and_shifted(affine(style)), user)
        phases = phases[None] + exactly("ck,nk->nc", frequencies, transforms[:, :2, 2])
        frequencies = exactly("ci,nij->ncj", frequencies, transforms[:, :2, :2])
        lengths = jnp.sqrt(jnp.square(frequencies).sum(-1))
        # What the user's transform moves beyond the band fades out on the way to half the rate.
        amplitudes = jnp.clip(1.0 - (lengths - band.cutoff) / (band.rate / 2 - band.cutoff), 0.0, 1.0)
        places = (jnp.arange(band.size) + (0.5 - band.size / 2)) / band.rate
        along_x, along_y = (places[None, :, None] * frequencies[:, None, :, axis] for axis in (0, 1))
        waves = jnp.sin(2 * jnp.pi * (along_x[:, None] + along_y[:, :, None] + phases[:, None, None]))
        kernel = self.param("kernel", EQUALIZED_INIT, (channels, channels), jnp.float32)
        return (waves * amplitudes[:, None, None]) @ equalize(kernel, 1.0)

    def _first_frequencies(self, shape: tuple[int, int]) -> Array:
        """Uniform in the disc of the cutoff's radius: of a normal draw, exp(-r^2 / 2) is uniform in [0, 1]."""
        drawn = jax.random.normal(self.make_rng("params"), shape)
        radii = jnp.sqrt(jnp.square(drawn).sum(1, keepdims=True))
        return drawn * self.band.cutoff / (radii * jnp.exp(0.25 * jnp.square(radii)))

    def _first_phases(self, shape: tuple[int]) -> Array:
        return jax.random.uniform(self.make_rng("params"), shape) - 0.5


def _identity(*_: object) -> Array:
    return jnp.array([1.0, 0.0, 0.0, 0.0])


def _turned_and_shifted(affine: Array) -> Array:
    """The matrices [n, 3, 3] of (cosine, sine, x, y) [n, 4], which the first two scale: the image turns, then moves."""
    cosine, sine, x, y = jnp.moveaxis(affine / jnp.sqrt(jnp.square(affine[:, :2]).sum(1, keepdims=True)), 1, 0)
    zero, one = jnp.zeros_like(x), jnp.ones_like(x)
    rows = (cosine, -sine, sine * y - cosine * x), (sine, cosine, -sine * x - cosine * y), (zero, zero, one)
    return jnp.stack([jnp.stack(row, -1) for row in rows], 1)


class SynthesisLayer(nn.Module):
    """A modulated convolution, a bias, and a leaky ReLU between two filters, at twice the higher rate (Figure 4b).

    Parameters: `kernel` [k, k, in, out] of N(0, 1), `bias` [out] and `style` (Dense, [w] to [in], biased to 1).
    `magnitude` [] of AVERAGES is the mean square of inputs, by whose root they are divided. The layer of colours, the
    last one, has a kernel of 1 x 1, no filters and no leaky ReLU.
    """

    source: Band
    target: Band
    rotations: bool = False  # of R: a kernel of 1 x 1 and, but in a critically sampled layer, a radial filter
    colours: bool = False
    clamp: float = CLAMP
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: Array, style: Array, advance: bool) -> Array:
        """[n, s, s, in] and [n, w] to [n, t, t, out] in `dtype`; `advance` moves the average first."""
        gain = self._input_gain(x, advance)
        size = 1 if self.colours or self.rotations else 3
        channels, features = self.source.channels, self.target.channels
        ones = nn.initializers.ones_init()
        scales = Dense(channels, kernel_init=EQUALIZED_INIT, bias_init=ones, equalized=1.0, name="style")(style)
        kernel = self.param("kernel", EQUALIZED_INIT, (size, size, channels, features), jnp.float32)
        bias = self.param("bias", nn.initializers.zeros_init(), (features,), jnp.float32)
        if self.colours:
            y = self._convolve(x, kernel, scales * (gain / math.sqrt(channels))) + bias[None, None, None].astype(
                self.dtype
            )
            return jnp.clip(y, -self.clamp, self.clamp) if self.clamp else y
        kernel = kernel * lax.rsqrt(jnp.square(kernel).mean((0, 1, 2), keepdims=True))
        scales = scales * lax.rsqrt(jnp.square(scales).mean(1, keepdims=True))
        norms = jnp.square(scales) @ jnp.square(kernel).sum((0, 1))
        y = self._convolve(x, kernel, scales * gain) * lax.rsqrt(norms + 1e-8)[:, None, None].astype(self.dtype)
        return self._activate(y + bias[None, None, None].astype(self.dtype))

    def _input_gain(self, x: Array, advance: bool) -> Array:
        average = self.variable(AVERAGES, "magnitude", jnp.ones, ())
        if advance and not self.is_initializing() and self.is_mutable_collection(AVERAGES):
            magnitude = jnp.square(lax.stop_gradient(x).astype(jnp.float32)).mean()
            average.value = lerp(magnitude, average.value, 0.5 ** (x.shape[0] / MAGNITUDE_HALF_LIFE))
        return lax.rsqrt(average.value)

    def _convolve(self, x: Array, kernel: Array, scales: Array) -> Array:
        """With zeros beyond the edges, wherever the kernel reaches the image."""
        y = x.astype(self.dtype) * scales[:, None, None].astype(self.dtype)
        edge = kernel.shape[0] // 2
        # Half of the zeros are put there first: XLA has a fast form of what keeps the size (conv_forms.py).
        return conv(zero_pad(y, ((edge, edge), (edge, edge))), kernel)

    def _activate(self, y: Array) -> Array:
        up, down, before, size, up_taps, down_taps = resampling_of(self.source, self.target, y.shape[1], self.rotations)
        y = activate(upsample_filtered(y, up_taps, up, before, size), self.clamp)
        return downsample_filtered(y, down_taps, down, self.target.size)


class Synthesis(nn.Module):
    """Styles [n, layers + 2, w] to images: the first style turns and moves the input, each other one is a layer's."""

    bands: tuple[Band, ...]
    rotations: bool = False
    clamp: float = CLAMP
    dtype: str = "float32"  # of the highest sampling rates
    dtype_blocks: int = 4  # how many of them
    remat: bool = False

    @nn.compact
    def __call__(self, styles: Array, *, advance: bool) -> Images:
        """[n, h, w, image_channels] in float32, around [-1, 1] but not held there."""
        layer = nn.remat(SynthesisLayer, static_argnums=(3,)) if self.remat else SynthesisLayer
        last = len(self.bands) - 1
        x = FourierInput(self.bands[0], name="input")(styles[:, 0])
        for index, target in enumerate(self.bands):
            high = target.rate * 2**self.dtype_blocks > self.bands[last].rate
            own = self.bands[max(index - 1, 0)], target, self.rotations, index == last, self.clamp
            x = layer(*own, self.dtype if high else "float32", name=f"layer_{index}_{target.size}")(
                x, styles[:, index + 1], advance
            )
        return x.astype(jnp.float32) * OUTPUT_SCALE


class Generator(StyledGenerator):
    """Latents [n, z], and labels [n] with classes, to images [n, resolution, resolution, c]."""

    resolution: int
    image_channels: int = 3
    num_classes: int = 0
    base: int = 32768  # channels at a cutoff of 1/2, were it not for `most`
    most: int = 512
    rotations: bool = False  # StyleGAN3-R's layers
    layers: int = 14  # without that of colours
    style_units: int = 512
    mapping_layers: int = 2
    clamp: float = CLAMP
    dtype: str = "float32"  # of the highest sampling rates
    dtype_blocks: int = 4  # how many of them
    remat: bool = False

    def setup(self) -> None:
        """Both networks."""
        bands = bands_of(self.resolution, self.layers, self.base, self.most, self.image_channels)
        self.mapping = Mapping(self.style_units, self.mapping_layers, self.num_classes, decay=STYLE_DECAY)
        self.synthesis = Synthesis(tuple(bands), self.rotations, self.clamp, self.dtype, self.dtype_blocks, self.remat)

    @property
    def num_styles(self) -> int:
        """The input's, the layers' and that of colours."""
        return self.layers + 2

    @property
    def averages_once(self) -> bool:
        """Yes, the average style and the layers' mean squares."""
        return True

    def synthesize(self, styles: Array, *, train: bool) -> Images:
        """Images of styles [n, layers + 2, w]; the averages move with `train`."""
        return self.synthesis(styles, advance=train)


def with_transform(variables: PyTree, transform: Array) -> PyTree:
    """The variables of a generator whose images move by the inverse of `transform` [3, 3] (see FourierInput)."""
    constants = variables[CONSTANTS]["synthesis"]
    moved = {**constants, "input": {**constants["input"], "transform": transform}}
    return {**variables, CONSTANTS: {**variables[CONSTANTS], "synthesis": moved}}


def stylegan3(
    resolution: int = 1024,
    rotations: bool = False,
    base: int = 32768,
    most: int = 512,
    image_channels: int = 3,
    num_classes: int = 0,
    layers: int = 14,
    r1_gamma: float = 32.8,
    batch_size: int = 32,
    minibatch_group: int = GROUP,
) -> StyleGAN:
    """StyleGAN3-T, or, with `rotations`, R, which has twice the channels.

    `base` and `most` are those of the discriminator's `widths_of`, and of T's `bands_of`. The images that R's
    discriminator sees are blurred at first, over as many images as `batch_size` asks for.

    Raises:
      UserError: as `bands_of`.
    """
    bands_of(resolution, layers, base, most, image_channels)
    wider = 2 if rotations else 1
    generator = Generator(
        resolution, image_channels, num_classes, wider * base, wider * most, rotations, layers, style_units=most
    )
    return StyleGAN(
        generator,
        Discriminator(widths_of(resolution, base, most), num_classes, minibatch_group=minibatch_group),
        latent_dim=most,
        num_classes=num_classes,
        r1_gamma=r1_gamma,
        r1_every=16,
        blur_sigma=BLUR_SIGMA if rotations else 0.0,
        blur_images=200_000 * batch_size // 32 if rotations else 0,
        style_mixing=0.0,
        path_length_weight=0.0,
    )
