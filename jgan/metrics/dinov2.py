"""DINOv2 ViT-S/14 and ViT-L/14 (Oquab et al. 2023, https://arxiv.org/abs/2304.07193): the features of FD-DINOv2.

FD-DINOv2 (Stein et al. 2023, https://arxiv.org/abs/2306.04675) is the Frechet distance of ViT-L/14's class token. The
network is that of https://github.com/facebookresearch/dinov2, whose weight files are read; the pixels are prepared as
by the paper's code, https://github.com/layer6ai-labs/dgm-eval.
"""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jgan.backbones.checks import check_rgb
from jgan.interop.state_dict import to_variables
from jgan.types import Array, PyTree

RESOLUTION = 224
PATCH = 14
TRAINED_SIDE = 37  # patches of a side of the 518-pixel images that the positions were trained on


class VisionTransformer(nn.Module):
    """Normalised images [n, 224, 224, 3] to the normalised class token [n, width], float32. Inference only.

    With `dtype` bfloat16 the layers compute in it; the sum that they add to stays float32.
    """

    width: int
    depth: int
    heads: int
    dtype: str = "float32"

    @nn.compact
    def __call__(self, images: Array) -> Array:
        """`images` are not resized here: see `preprocess`."""
        patches = nn.Conv(
            self.width, (PATCH, PATCH), PATCH, "VALID", dtype=self.dtype, precision="highest", name="patch_embed"
        )(images)
        x = patches.reshape(len(images), -1, self.width).astype(jnp.float32)
        class_token = self.param("cls_token", nn.initializers.zeros, (1, 1, self.width))
        x = jnp.concatenate([jnp.broadcast_to(class_token, (len(images), 1, self.width)), x], axis=1)
        shape = (1, 1 + TRAINED_SIDE**2, self.width)
        x += resample_positions(self.param("pos_embed", nn.initializers.normal(0.02), shape), RESOLUTION // PATCH)
        for index in range(self.depth):
            x = Block(self.heads, self.dtype, name=f"blocks_{index}")(x)
        return _layer_norm(name="norm")(x[:, 0])


class Block(nn.Module):
    """Attention and a perceptron, each on normalised input and scaled before it is added."""

    heads: int
    dtype: str

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """[n, tokens, width] to the same, float32."""
        attention = Attention(self.heads, self.dtype, name="attn")
        x += LayerScale(name="ls1")(attention(_layer_norm(dtype=self.dtype, name="norm1")(x)))
        perceptron = Perceptron(self.dtype, name="mlp")
        return x + LayerScale(name="ls2")(perceptron(_layer_norm(dtype=self.dtype, name="norm2")(x)))


class Attention(nn.Module):
    """Every token looks at every other; the softmax is float32."""

    heads: int
    dtype: str

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """[n, tokens, width] to the same, `dtype`."""
        n, tokens, width = x.shape
        dense = functools.partial(nn.Dense, dtype=self.dtype, precision="highest")
        qkv = dense(3 * width, name="qkv")(x).reshape(n, tokens, 3, self.heads, width // self.heads)
        query, key, value = jnp.moveaxis(qkv, 2, 0)
        mixed = nn.dot_product_attention(
            query, key, value, dtype=self.dtype, precision="highest", force_fp32_for_softmax=True
        )
        return dense(width, name="proj")(mixed.reshape(n, tokens, width))


class Perceptron(nn.Module):
    """Two layers, four times as wide between, with the exact GELU."""

    dtype: str

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """[n, tokens, width] to the same, `dtype`."""
        dense = functools.partial(nn.Dense, dtype=self.dtype, precision="highest")
        wide = nn.gelu(dense(4 * x.shape[-1], name="fc1")(x), approximate=False)
        return dense(x.shape[-1], name="fc2")(wide)


class LayerScale(nn.Module):
    """A learned factor a channel (Touvron et al. 2021, https://arxiv.org/abs/2103.17239, equation 3)."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """[n, tokens, width] to the same, float32."""
        return x * self.param("gamma", nn.initializers.ones, (x.shape[-1],))[None, None]


# The fast variance, E[x^2] - E[x]^2, loses digits that PyTorch keeps.
_layer_norm = functools.partial(nn.LayerNorm, epsilon=1e-6, use_fast_variance=False)

NETWORKS = {
    "dinov2_vits14": functools.partial(VisionTransformer, width=384, depth=12, heads=6),
    "dinov2_vitl14": functools.partial(VisionTransformer, width=1024, depth=24, heads=16),
}


@functools.partial(jax.jit, static_argnames="network")
def features(network: VisionTransformer, variables: PyTree, images: Array) -> Array:
    """Class tokens [n, width], float32, of images [n, h, w, 3], uint8. Raises UserError at other images."""
    return network.apply(variables, preprocess(images))  # pyright: ignore[reportReturnType]


# ---------------------------------------------------------------- positions


def resample_positions(positions: Array, side: int) -> Array:
    """Position embeddings [1, 1 + m * m, width] of a class token and m x m patches, for side x side patches.

    As DINOv2's `interpolate_pos_encoding`: bicubic without antialiasing, by the factor (side + 0.1) / m.
    """
    trained = math.isqrt(positions.shape[1] - 1)
    matrix = _bicubic(trained, side)
    grid = positions[0, 1:].reshape(trained, trained, -1)
    grid = jnp.einsum("ip,jq,pqc->ijc", matrix, matrix, grid, precision="highest")
    return jnp.concatenate([positions[:, :1], grid.reshape(1, side * side, -1)], axis=1)


def _bicubic(source: int, target: int) -> np.ndarray:
    """Matrix [target, source] of PyTorch's `interpolate`: Keys's kernel with a = -0.75, the edge repeated."""
    a = -0.75
    centres = (np.arange(target) + 0.5) * source / (target + 0.1) - 0.5
    taps = np.floor(centres)[:, None] + np.arange(-1, 3)
    distance = np.abs(centres[:, None] - taps)
    near = ((a + 2) * distance - (a + 3)) * distance**2 + 1
    far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
    matrix = np.zeros((target, source))
    columns = np.clip(taps, 0, source - 1).astype(int)
    np.add.at(matrix, (np.arange(target)[:, None], columns), np.where(distance <= 1, near, far))
    return matrix.astype(np.float32)


# ---------------------------------------------------------------- pixels in


def preprocess(images: Array) -> Array:
    """uint8 images [n, h, w, 3] to the network's input [n, 224, 224, 3], float32, by ImageNet's mean and deviation.

    The resize is dgm-eval's default, that of Pillow: bicubic with a = -0.5, antialiased when it reduces, first in width
    and then in height, rounded to 8 bits and clipped after each. (Pillow 13 exchanges the two for images whose height
    shrinks much more than their width; the paper's numbers are older.)

    Raises:
      UserError: the images are not uint8 of three channels.
    """
    check_rgb(images)
    n, height, _, _ = images.shape
    pixels = images.astype(jnp.float32)
    for shape in ((n, height, RESOLUTION, 3), (n, RESOLUTION, RESOLUTION, 3)):
        pixels = jax.image.resize(pixels, shape, "cubic", antialias=True)
        pixels = jnp.clip(jnp.floor(pixels + 0.5), 0, 255)
    mean, deviation = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    return (pixels / 255 - jnp.array(mean).reshape(1, 1, 1, 3)) / jnp.array(deviation).reshape(1, 1, 1, 3)


# ---------------------------------------------------------------- weights in


def url(name: str) -> str:
    """Where Meta publishes the weights of a network of NETWORKS."""
    return f"https://dl.fbaipublicfiles.com/dinov2/{name}/{name}_pretrain.pth"


def from_pytorch(network: VisionTransformer, weights: dict[str, np.ndarray], source: str) -> PyTree:
    """Flax variables, float32, from the state dict of DINOv2's code; `source` names it in errors.

    Raises:
      UserError: a tensor is missing, unexpected, or of another shape.
    """
    shapes = jax.eval_shape(network.init, jax.random.key(0), jnp.zeros((1, RESOLUTION, RESOLUTION, 3)))
    used = {name: array for name, array in weights.items() if name != "mask_token"}  # takes part in training only
    title = f"a DINOv2 ViT/14 of {network.depth} blocks"
    return to_variables(used, shapes, _name_in_pytorch, source=source, expected=title)


def _name_in_pytorch(*path: str) -> str:
    """("params", "blocks_3", "attn", "qkv", "kernel") is `blocks.3.attn.qkv.weight`."""
    name = ".".join(path[1:])
    for ours, theirs in (
        ("blocks_", "blocks."),
        ("patch_embed.", "patch_embed.proj."),
        (".kernel", ".weight"),
        (".scale", ".weight"),
    ):
        name = name.replace(ours, theirs)
    return name
