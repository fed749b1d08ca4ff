"""Labels and captions between two others: what a network makes of each of the two, mixed.

That is where class vectors, the scales of conditional batch norms and encoded captions lie, as in Brock et al. 2019
(https://arxiv.org/abs/1809.11096), Figure 8 and, of captions, Reed et al. 2016 (https://arxiv.org/abs/1605.05396), 4.3.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from jgan.types import Array


class Blend(NamedTuple):
    """Stands for labels, or captions, that are `share` of `first` and 1 - `share` of `second`; `share` [] or [n, 1]."""

    first: Array
    second: Array
    share: Array


def blended(read: Callable[[Array], Array], labels: Array | Blend) -> Array:
    """What `read` makes of labels, [n, features]; of a `Blend`, that of both, mixed."""
    if not isinstance(labels, Blend):
        return read(labels)
    return labels.share * read(labels.first) + (1.0 - labels.share) * read(labels.second)


def one_hot(labels: Array | Blend, num_classes: int, dtype: DTypeLike = "float32") -> Array:
    """One-hot labels [n, num_classes]."""
    return blended(lambda labels: jax.nn.one_hot(labels, num_classes, dtype=dtype), labels).astype(jnp.dtype(dtype))
