"""A player's network: its first variables, its shapes, and its outputs with batch statistics and the like advanced."""

from __future__ import annotations

import functools
from typing import Any

import flax.linen as nn
import jax
from flax.traverse_util import flatten_dict

from jgan.types import SPECTRAL, Array, Player, PyTree

INTERMEDIATES = "intermediates"  # the Flax collection of what a network sows: features, class logits


def init_network(module: nn.Module, rng: Array, *inputs: Any, **keywords: Any) -> PyTree:
    """Flax variables of the network on such inputs."""
    return module.init({"params": rng, "dropout": rng}, *inputs, train=True, **keywords)


def shapes_of(module: nn.Module, *inputs: Any, **keywords: Any) -> tuple[PyTree, PyTree]:
    """Shapes of the network's outputs on such inputs, and of its variables, what it sows included."""
    rng = jax.random.key(0)
    make = functools.partial(module.init_with_output, train=True, mutable=True, **keywords)
    return jax.eval_shape(make, {"params": rng, "dropout": rng}, *inputs)


def forward(
    module: nn.Module, player: Player, *inputs: Any, rng: Array, train: bool = True, **keywords: Any
) -> tuple[Any, Player]:
    """Applies `module` with the player's weights. `rng` is the key of its dropout and noise layers.

    With `train` the variables (all collections but `params`) may change; without it they cannot.
    """
    outputs, _, player = forward_with_intermediates(module, player, *inputs, rng=rng, train=train, **keywords)
    return outputs, player


def forward_with_intermediates(
    module: nn.Module,
    player: Player,
    *inputs: Any,
    rng: Array,
    train: bool = True,
    advance_spectral: bool = True,
    **keywords: Any,
) -> tuple[Any, dict[str, Array], Player]:
    """As `forward`, with what the network sows ("features", "class_logits"), by name.

    Without `advance_spectral` power iteration's vectors stay as they were, so that a second call starts from the same
    ones and has the same normalised weights: XLA merges the two iterations, and a step makes one.
    """
    mutable = [name for name in player.variables if advance_spectral or name != SPECTRAL] if train else []
    outputs, changed = module.apply(
        {"params": player.params, **player.variables},
        *inputs,
        train=train,
        rngs={"dropout": rng},
        mutable=[*mutable, INTERMEDIATES],
        **keywords,
    )
    changed = dict(changed)
    collected: dict[Any, Any] = flatten_dict(changed.pop(INTERMEDIATES, {}))
    sown = {path[-1]: values[-1] for path, values in collected.items()}
    return outputs, sown, player.replace(variables={**player.variables, **changed})
