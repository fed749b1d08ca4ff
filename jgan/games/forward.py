"""Run one of a player's networks; its batch statistics and the like advance in the player that comes back."""

from __future__ import annotations

from typing import Any

import flax.linen as nn

from jgan.types import Array, Player


def forward(
    module: nn.Module, player: Player, *inputs: Any, rng: Array, train: bool = True, **keywords: Any
) -> tuple[Any, Player]:
    """Applies `module` with the player's weights. `rng` is the key of its dropout and noise layers.

    With `train` the variables (all collections but `params`) may change; without it they cannot.
    """
    outputs, changed = module.apply(
        {"params": player.params, **player.variables},
        *inputs,
        train=train,
        rngs={"dropout": rng},
        mutable=list(player.variables) if train else [],
        **keywords,
    )
    return outputs, player.replace(variables={**player.variables, **changed})
