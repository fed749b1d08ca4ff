"""Equalised learning rate (Karras et al. 2018, https://arxiv.org/abs/1710.10196, section 4.1)."""

from __future__ import annotations

import math

from flax import linen as nn

from jgan.types import Array

EQUALIZED_INIT = nn.initializers.normal(1.0)


def equalize(kernel: Array, gain: float) -> Array:
    """A kernel [..., in, out] of EQUALIZED_INIT, times `gain` over the root of all its inputs (He's deviation).

    Adam's steps do not depend on the scale of a gradient; so all weights learn at the same speed.
    """
    return kernel * (gain / math.sqrt(kernel.size // kernel.shape[-1]))
