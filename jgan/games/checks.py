"""Whether a game's networks can do what its settings ask for."""

from __future__ import annotations

import jax.numpy as jnp
from flax.traverse_util import flatten_dict

from jgan.games.forward import INTERMEDIATES
from jgan.games.networks import Networks
from jgan.games.truncation import check_tables
from jgan.types import PyTree, ScheduledStage, UserError


def check_networks(game: Networks, stage: ScheduledStage) -> None:
    """Raises UserError, naming the field, where a network cannot be built at the stage, or lacks what it needs."""
    for name in ("generator", "discriminator"):
        classes = getattr(getattr(game, name), "num_classes", 0)
        if classes != game.num_classes:
            takes = f"takes {classes} classes" if classes else "ignores labels"
            raise UserError(f"game.num_classes={game.num_classes}: game.{name} {takes}; set both to the same number")
    growth = game.growth(stage, jnp.int32(stage.start))
    if game.truncation_tables:
        check_tables(game.truncation_tables, game.trace("generator", jnp.zeros((2, game.latent_dim)), growth)[1])
    _, variables = game.trace("discriminator", jnp.zeros((2, *game.image_shape(stage))), growth)
    _check_frozen(game, variables)
    sown = {path[-1] for path in flatten_dict(variables.get(INTERMEDIATES, {}))}
    _check_sown(game, sown)
    if (game.gradient_penalty_weight or game.dragan_weight) and "batch_stats" in variables:
        raise UserError(
            "game.gradient_penalty_weight, game.dragan_weight: they take each example's gradient by itself, and "
            "game.discriminator has batch norm, which mixes examples; set its norm to 'layer' or 'none'"
        )
    minibatch = getattr(game.discriminator, "minibatch", "none")
    if game.generator_batches > 1 and (minibatch == "discrimination" or (minibatch == "std" and game.num_classes)):
        alike = "more images" if minibatch == "discrimination" else "groups of fewer classes"
        raise UserError(
            f"game.generator_batches={game.generator_batches}: minibatch={minibatch!r} of game.discriminator compares "
            f"the images of a batch, and would take {alike} for more alike; set it to 1, or minibatch to 'none'"
        )
    if game.unroll_steps and (game.r1_gamma or game.r2_gamma) and game.r1_every > 1:
        raise UserError(
            f"game.r1_every={game.r1_every}: unroll_steps would look through steps without R1 and R2; set it to 1"
        )


def _check_frozen(game: Networks, variables: PyTree) -> None:
    """Raises UserError for frozen layers that the discriminator does not have, or where none is left to learn."""
    names = tuple(variables.get("params", {}))
    for index, name in enumerate(game.frozen_layers):
        if name not in names:
            raise UserError(
                f"game.frozen_layers[{index}]={name!r}: game.discriminator has no such layer; expected some of "
                f"{', '.join(names)}"
            )
    if game.frozen_layers and set(names) <= set(game.frozen_layers):
        raise UserError("game.frozen_layers: all of game.discriminator; leave some that learn")


def _check_sown(game: Networks, sown: set[str]) -> None:
    """Raises UserError unless the discriminator sows what the settings use, and only that of a classifier."""
    if game.feature_matching_weight and "features" not in sown:
        raise UserError("game.feature_matching_weight: game.discriminator sows no features; set it to 0")
    weights = game.classifier_weight, game.generator_classifier_weight
    if any(weights) and "class_logits" not in sown:
        raise UserError(
            "game.classifier_weight, game.generator_classifier_weight: game.discriminator has no classifier; set its "
            "label_input to 'auxiliary_classifier', or both to 0"
        )
    if "class_logits" in sown and not all(weights):
        raise UserError(
            f"game.classifier_weight={weights[0]}, game.generator_classifier_weight={weights[1]}: the classifier of "
            "game.discriminator would be ignored, and labels with it; set both above 0"
        )
