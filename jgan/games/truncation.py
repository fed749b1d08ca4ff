"""Batch statistics measured at several truncations of the latents, as published BigGANs carry them.

Brock et al. 2019 (https://arxiv.org/abs/1809.11096), appendix C.1: statistics that were measured on latents of one
scale do not fit those of another.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from jgan.layers.norm import BATCH_STATS
from jgan.types import Array, Player, PyTree, UserError

TABLES = "truncation_stats"  # as BATCH_STATS, each [tables, ...]: measured at truncations evenly spaced from 0 to 1


def with_tables(variables: PyTree, tables: int) -> PyTree:
    """A generator's variables with so many copies of its batch statistics; without them where `tables` is 0."""
    if not tables:
        return variables
    repeated = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (tables, *leaf.shape)), variables[BATCH_STATS])
    return {**variables, TABLES: repeated}


def at_truncation(player: Player, truncation: float, tables: int) -> Player:
    """The generator with the batch statistics of a truncation above 0, at most 1.

    Between two tables it takes what https://github.com/huggingface/pytorch-pretrained-BigGAN does, which weighs the
    farther one more: at 0.35 of a step from the lower one, 0.35 of the lower and 0.65 of the upper. What it says of the
    position, rounded in double precision, is taken too: 0.58 of 51 tables is number 28.999..., so it is number 28.
    """
    share, lower = math.modf(truncation / (1.0 / (tables - 1)))

    def interpolate(table: Array) -> Array:
        first = table[int(lower)]
        return first * share + table[int(lower) + 1] * (1.0 - share) if share else first

    statistics = jax.tree.map(interpolate, player.variables[TABLES])
    return player.replace(variables={**player.variables, BATCH_STATS: statistics})


def check_tables(tables: int, variables: PyTree) -> None:
    """Raises UserError where a generator with these variables cannot have so many tables."""
    if tables == 1:
        raise UserError("game.truncation_tables=1: expected at least 2, for truncations 0 and 1, or 0 for none")
    if tables and BATCH_STATS not in variables:
        raise UserError(f"game.truncation_tables={tables}: game.generator has no batch norm; set it to 0")


def check_truncation_range(truncation: float, tables: int) -> None:
    """Raises UserError for a truncation that the tables do not reach."""
    if tables and not 0.0 < truncation <= 1.0:
        raise UserError(
            f"--truncation={truncation}: this run has batch statistics for truncations up to 1; expected above 0, at "
            "most 1"
        )
