"""Features from the middle of a network, by the names of its layers."""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp

from jgan.types import Array, UserError, did_you_mean


def check_taps(taps: Sequence[str], known: Sequence[str]) -> None:
    """Raises UserError at a tap that is not among the names `known` to the network."""
    for tap in taps:
        if tap not in known:
            raise UserError(f"taps: {tap!r} is no layer of this network{did_you_mean(tap, known)}")


class Tapped:
    """What is kept on the way through a network: `features`, by name in the network's order, float32."""

    def __init__(self, taps: Sequence[str], known: Sequence[str]) -> None:
        """As `check_taps`."""
        check_taps(taps, known)
        self.taps = frozenset(taps)
        self.features: dict[str, Array] = {}

    def ends_with(self, name: str, x: Array) -> bool:
        """Keeps the output of a layer where it is a tap; whether it was the last one."""
        if name not in self.taps:
            return False
        self.features[name] = x.astype(jnp.float32)
        return len(self.features) == len(self.taps)
