"""The augmentations of StyleGAN2-ADA (Karras et al. 2020, https://arxiv.org/abs/2006.06676, appendix B).

Pixel blitting and geometric transformations in one warp, colours in one matrix, and cutout, by the mathematics of the
authors' training/augment.py (https://github.com/NVlabs/stylegan2-ada-pytorch): the warp samples an image of twice the
resolution, made and reduced by an orthogonal wavelet's filter, and mirrors the image at its edges, always as far as
theirs does at most. Image-space filtering and noise are in ada_corruptions.py.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from jgan.types import Array, Images

BLIT_REACH, MOVE_DEVIATION = 0.125, 0.125  # of integer and of fractional translations, in image sizes
SCALE_DEVIATION, STRETCH_DEVIATION = 0.2, 0.2  # of the base-2 logarithms
BRIGHTNESS_DEVIATION, CONTRAST_DEVIATION, SATURATION_DEVIATION = 0.2, 0.5, 1.0  # the last two: of logarithms as well
COLOR_SHARE = 0.5  # R3GAN's: colours change with half the probability of the others
CUTOUT_SIZE = 0.5  # of the image's sides

# The low-pass filter of the wavelet sym6, its sum 1.
_SYM6 = np.array(
    [
        0.015404109327027373,
        0.0034907120842174702,
        -0.11799011114819057,
        -0.048311742585633,
        0.4910559419267466,
        0.787641141030194,
        0.3379294217276218,
        -0.07263752278646252,
        -0.021060292512300564,
        0.04472490177066578,
        0.0017677118642428036,
        -0.007800708325034148,
    ]
)
_FILTER = _SYM6 / _SYM6.sum()
_EDGE = len(_FILTER) // 4  # pixels around the image that reducing it looks at


# --- Geometry ---


def warp(images: Images, inverse: Array) -> Images:
    """Images [n, h, w, c] seen through the maps `inverse` [n, 3, 3], from pixels of the result to the images'.

    Homogeneous coordinates (x, y, 1), x to the right and y down, from the centre of the image, a pixel 1 wide.
    """
    height, width = images.shape[1:3]
    rows, columns = (jnp.asarray(_enlarging(side), images.dtype) for side in (height, width))
    fine = _along_axes(rows, columns, images)
    sizes = 2 * (height + 2 * _EDGE), 2 * (width + 2 * _EDGE)
    y, x = (jnp.arange(size) + 0.5 - size / 2 for size in sizes)
    points = jnp.stack([jnp.tile(x, sizes[0]), jnp.repeat(y, sizes[1])])  # of the result, in half pixels
    # What `inverse` says of pixels, said of half pixels: the filter moves the picture by half of one.
    linear, moved = inverse[:, :2, :2], 2.0 * inverse[:, :2, 2:]
    products = jnp.einsum("nij,jp->nip", linear, points + 0.5, precision="highest")
    sampled = _sample(fine, products + moved - 0.5)
    rows, columns = (jnp.asarray(_reducing(side), images.dtype) for side in (height, width))
    return _along_axes(rows, columns, sampled.reshape(images.shape[0], *sizes, -1))


def _along_axes(rows: Array, columns: Array, images: Array) -> Array:
    images = jnp.einsum("ph,nhwc->npwc", rows, images, precision="highest")
    return jnp.einsum("qw,npwc->npqc", columns, images, precision="highest")


def _enlarging(side: int) -> np.ndarray:
    """Mirrors a row of pixels at both ends, as far as it goes, and doubles it: [2 (3 side - 2), side]."""
    mirrored = np.pad(np.eye(side), ((side - 1, side - 1), (0, 0)), mode="reflect")
    doubled = np.zeros((2 * len(mirrored), side))
    doubled[::2] = 2.0 * mirrored
    ends = len(_FILTER) // 2, len(_FILTER) // 2 - 1
    padded = np.pad(doubled, (ends, (0, 0)))
    return np.stack([np.convolve(column, _FILTER, mode="valid") for column in padded.T], axis=1)


def _reducing(side: int) -> np.ndarray:
    """Every second of the filtered pixels, without the edges: [side, 2 (side + 2 edges)]."""
    rows = np.zeros((side, 2 * (side + 2 * _EDGE)))
    for index in range(side):
        first = 2 * index + 1
        rows[index, first : first + len(_FILTER)] = _FILTER
    return rows


def _sample(images: Array, points: Array) -> Array:
    """Images [n, h, w, c] at points [n, 2, p] (x, y) from the centre, between pixels linearly, 0 outside: [n, p, c]."""
    n, height, width, channels = images.shape
    flat = images.reshape(n, height * width, channels)
    x, y = points[:, 0] + (width - 1) / 2, points[:, 1] + (height - 1) / 2
    left, top = jnp.floor(x), jnp.floor(y)

    def corner(column: Array, row: Array, share: Array) -> Array:
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        at = jnp.where(inside, row * width + column, 0).astype(jnp.int32)
        values = jnp.take_along_axis(flat, at[..., None], axis=1)
        return jnp.where(inside, share, 0.0)[..., None] * values

    right, low = x - left, y - top
    above = corner(left, top, (1 - right) * (1 - low)) + corner(left + 1, top, right * (1 - low))
    return above + corner(left, top + 1, (1 - right) * low) + corner(left + 1, top + 1, right * low)


def sample_geometry(rng: Array, height: int, width: int, probability: Array) -> tuple[Array]:
    """The map [3, 3] of one example for `warp`; each part of it other than the identity with the probability.

    Mirrored left and right, turned by quarters, moved by whole pixels, scaled, turned, stretched, turned, moved.
    """
    return (_sample_map(rng, height, width, probability, probability),)


def sample_blit(rng: Array, height: int, width: int, probability: Array) -> tuple[Array]:
    """As `sample_geometry`, of the first three parts alone, which are copies of pixels."""
    return (_sample_map(rng, height, width, probability, jnp.zeros_like(probability)),)


def sample_moves(rng: Array, height: int, width: int, probability: Array) -> tuple[Array]:
    """As `sample_geometry`, without the first three parts."""
    return (_sample_map(rng, height, width, jnp.zeros_like(probability), probability),)


def _sample_map(rng: Array, height: int, width: int, blitted: Array, probability: Array) -> Array:
    """[3, 3]; copies of pixels have a probability of their own."""
    keys = jax.random.split(rng, 8)
    mirrored = some(keys[0], blitted, jax.random.bernoulli(keys[0]).astype(jnp.float32), 0.0)
    quarters = some(keys[1], blitted, jax.random.randint(keys[1], (), 0, 4).astype(jnp.float32), 0.0)
    sizes = jnp.array([width, height], jnp.float32)
    blit = jnp.round(BLIT_REACH * sizes * jax.random.uniform(keys[2], (2,), minval=-1.0, maxval=1.0))
    blit = some(keys[2], blitted, blit, 0.0)
    scale = some(keys[3], probability, jnp.exp2(SCALE_DEVIATION * jax.random.normal(keys[3])), 1.0)
    turning = 1.0 - jnp.sqrt(1.0 - probability)  # so that the probability is that of either turn
    turns = [
        some(key, turning, jax.random.uniform(key, minval=-jnp.pi, maxval=jnp.pi), 0.0) for key in (keys[4], keys[6])
    ]
    stretch = some(keys[5], probability, jnp.exp2(STRETCH_DEVIATION * jax.random.normal(keys[5])), 1.0)
    move = some(keys[7], probability, MOVE_DEVIATION * sizes * jax.random.normal(keys[7], (2,)), 0.0)
    return inverse_map(mirrored, quarters, blit, scale, turns[0], stretch, turns[1], move)


def inverse_map(
    mirrored: Array,
    quarters: Array,
    blit: Array,
    scale: Array,
    turn: Array,
    stretch: Array,
    last_turn: Array,
    move: Array,
) -> Array:
    """[3, 3] for `warp` of one example; `blit` and `move` are [2] (x, y) in pixels, the turns in radians."""
    parts = [
        _scaling(1.0 - 2.0 * mirrored, jnp.float32(1.0)),
        _rotation(0.5 * jnp.pi * quarters),
        _translation(-blit),
        _scaling(1.0 / scale, 1.0 / scale),
        _rotation(turn),
        _scaling(1.0 / stretch, stretch),
        _rotation(last_turn),
        _translation(-move),
    ]
    return jnp.linalg.multi_dot(parts, precision="highest")


def _scaling(x: Array, y: Array) -> Array:
    return jnp.diag(jnp.stack([x, y, jnp.ones_like(x)]))


def _rotation(angle: Array) -> Array:
    cos, sin, zero, one = jnp.cos(angle), jnp.sin(angle), jnp.zeros_like(angle), jnp.ones_like(angle)
    return jnp.stack([cos, -sin, zero, sin, cos, zero, zero, zero, one]).reshape(3, 3)


def _translation(by: Array) -> Array:
    return jnp.eye(3).at[:2, 2].set(by)


# --- Colours ---


def recolor(images: Images, matrix: Array, offset: Array) -> Images:
    """`matrix` [n, 3, 3] times every pixel plus `offset` [n, 3]; gray pixels count as colours of three equal parts.

    Of four channels the first three are colours, and the last, their opacity, stays. Others are no colours and stay.
    """
    channels = images.shape[-1]
    if channels == 4:
        return jnp.concatenate([recolor(images[..., :3], matrix, offset), images[..., 3:]], axis=-1)
    if channels not in (1, 3):
        return images
    if channels == 1:
        matrix = matrix.mean(1, keepdims=True).sum(2, keepdims=True)
        offset = offset.mean(1, keepdims=True)
    return jnp.einsum("nij,nhwj->nhwi", matrix, images, precision="highest") + offset[:, None, None]


def sample_colors(rng: Array, height: int, width: int, probability: Array) -> tuple[Array, Array]:
    """(matrix [3, 3], offset [3]) of one example for `recolor`; each part with half the probability, as in R3GAN."""
    return sample_all_colors(rng, height, width, COLOR_SHARE * probability)


def sample_all_colors(rng: Array, height: int, width: int, probability: Array) -> tuple[Array, Array]:
    """As `sample_colors`, each part with the probability itself."""
    del height, width
    keys = jax.random.split(rng, 5)
    brightness = some(keys[0], probability, BRIGHTNESS_DEVIATION * jax.random.normal(keys[0]), 0.0)
    contrast = some(keys[1], probability, jnp.exp2(CONTRAST_DEVIATION * jax.random.normal(keys[1])), 1.0)
    flipped = some(keys[2], probability, jax.random.bernoulli(keys[2]).astype(jnp.float32), 0.0)
    hue = some(keys[3], probability, jax.random.uniform(keys[3], minval=-jnp.pi, maxval=jnp.pi), 0.0)
    saturation = some(keys[4], probability, jnp.exp2(SATURATION_DEVIATION * jax.random.normal(keys[4])), 1.0)
    return color_map(brightness, contrast, flipped, hue, saturation)


def color_map(brightness: Array, contrast: Array, flipped: Array, hue: Array, saturation: Array) -> tuple[Array, Array]:
    """What `recolor` needs to add `brightness`, scale by `contrast`, turn light to dark where `flipped` is 1, turn by
    `hue` around the gray axis, and scale by `saturation` about it, in this order.
    """
    gray = jnp.full((3, 3), 1.0 / 3.0)  # projection on the axis
    cross = jnp.array([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / np.sqrt(3.0)
    across = jnp.eye(3) - gray
    turned = gray + jnp.cos(hue) * across + jnp.sin(hue) * cross
    parts = [gray + saturation * across, turned, jnp.eye(3) - 2.0 * flipped * gray, contrast * jnp.eye(3)]
    matrix = jnp.linalg.multi_dot(parts, precision="highest")
    return matrix, brightness * matrix.sum(1)


# --- Cutout ---


def cut_box(images: Images, centre: Array, chosen: Array) -> Images:
    """Zeros a box of half the sides around `centre` [n, 2] (x, y), in image sizes, where `chosen` [n] is true."""

    def near(side: int, middle: Array) -> Array:
        pixels = (jnp.arange(side) + 0.5) / side
        return jnp.abs(pixels[None] - middle[:, None]) < CUTOUT_SIZE / 2

    columns, rows = near(images.shape[2], centre[:, 0]), near(images.shape[1], centre[:, 1])
    cut = rows[:, :, None, None] & columns[:, None, :, None] & chosen[:, None, None, None]
    return jnp.where(cut, 0.0, images)


def sample_cutout(rng: Array, height: int, width: int, probability: Array) -> tuple[Array, Array]:
    """Of one example for `cut_box`."""
    del height, width
    return jax.random.uniform(rng, (2,)), some(rng, probability, True, False)


def some(rng: Array, probability: Array, changed: Array | bool, same: float | bool) -> Array:
    """`changed` with the probability, otherwise what changes nothing."""
    return jnp.where(jax.random.bernoulli(jax.random.fold_in(rng, 1), probability), changed, same)
