"""What is added to the adversarial loss of either player: the weighted sum, and each term by itself for the metrics."""

from __future__ import annotations

import jax.numpy as jnp

from jgan.augment.diffaugment import augment
from jgan.games.networks import (
    CONSISTENCY,
    NETWORK_FAKE,
    NETWORK_REAL,
    PENALTY,
    DiscriminatorOutput,
    Networks,
    StepInputs,
    fold,
)
from jgan.losses.auxiliary import classification_loss, feature_matching_loss
from jgan.losses.penalties import (
    consistency_penalty,
    dragan_penalty,
    drift_penalty,
    gradient_penalty,
    lecam_penalty,
    orthogonal_penalty,
    zero_gradient_penalty,
)
from jgan.types import Array, Images, Metrics, Player, TrainState

Terms = dict[str, tuple[float | Array, Array]]  # name: weight, scalar


def discriminator_terms(
    game: Networks,
    player: Player,
    inputs: StepInputs,
    images_fake: Images,
    real: DiscriminatorOutput,
    fake: DiscriminatorOutput,
    state: TrainState,
) -> tuple[Array, Metrics]:
    """Of a discriminator with the outputs `real` and `fake` for this step's images."""
    terms: Terms = {}
    critic, rngs = game.critic(player, inputs, NETWORK_REAL), fold(inputs.rngs, PENALTY)
    if game.gradient_penalty_weight:
        penalty = gradient_penalty(critic, inputs.images, images_fake, rngs)
        terms["gradient_penalty"] = game.gradient_penalty_weight, penalty.mean()
    if game.dragan_weight:
        terms["dragan"] = game.dragan_weight, dragan_penalty(critic, inputs.images, rngs).mean()
    if game.r1_every == 1:
        terms |= _zero_gradient_terms(game, player, inputs, images_fake)
    if game.drift_weight:
        terms["drift"] = game.drift_weight, drift_penalty(real.logits).mean()
    if game.lecam_weight:
        averages = state.extras["logits_real"], state.extras["logits_fake"]
        terms["lecam"] = game.lecam_weight, lecam_penalty(real.logits, fake.logits, *averages).mean()
    if game.bcr_weight:
        terms["bcr"] = game.bcr_weight, _balanced_consistency(game, player, inputs, images_fake, real, fake)
    if game.zcr_weight:
        perturbed, _ = game.discriminate(player, game.generate_perturbed(state.generator, inputs), inputs, NETWORK_FAKE)
        terms["zcr"] = game.zcr_weight, consistency_penalty(fake.logits, perturbed.logits).mean()
    if game.orthogonal_weight:
        terms["orthogonal"] = game.orthogonal_weight, orthogonal_penalty(player.params)
    if game.classifier_weight:
        terms["classifier"] = game.classifier_weight, _classify(real, inputs) + _classify(fake, inputs)
    return _weighted_sum(terms)


def zero_gradient_terms(
    game: Networks, player: Player, inputs: StepInputs, images_fake: Images
) -> tuple[Array, Metrics]:
    """R1 and R2 alone, for a move of their own."""
    return _weighted_sum(_zero_gradient_terms(game, player, inputs, images_fake))


def generator_terms(
    game: Networks,
    player: Player,
    inputs: StepInputs,
    images_fake: Images,
    real: DiscriminatorOutput,
    fake: DiscriminatorOutput,
) -> tuple[Array, Metrics]:
    """Of a generator that made `images_fake`, which the discriminator gave the output `fake`."""
    terms: Terms = {}
    if game.feature_matching_weight:
        assert real.features is not None, "check_networks"
        assert fake.features is not None, "check_networks"
        distance = feature_matching_loss(real.features, fake.features)
        terms["feature_matching"] = game.feature_matching_weight, distance
    if game.generator_classifier_weight:
        terms["classifier"] = game.generator_classifier_weight, _classify(fake, inputs)
    if game.zcr_generator_weight:
        distance = jnp.square(images_fake - game.generate_perturbed(player, inputs)).mean()
        terms["zcr"] = -game.zcr_generator_weight, distance
    if game.generator_orthogonal_weight:
        terms["orthogonal"] = game.generator_orthogonal_weight, orthogonal_penalty(player.params)
    return _weighted_sum(terms)


def _zero_gradient_terms(game: Networks, player: Player, inputs: StepInputs, images_fake: Images) -> Terms:
    terms: Terms = {}
    sides = (
        ("r1", game.r1_gamma, inputs.images, NETWORK_REAL),
        ("r2", game.r2_gamma, images_fake, NETWORK_FAKE),
    )
    for name, gamma, images, purpose in sides:
        if gamma:
            penalty = zero_gradient_penalty(game.critic(player, inputs, purpose), images)
            terms[name] = 0.5 * game.gamma_scale(inputs.images_seen) * gamma, penalty.mean()
    return terms


def _balanced_consistency(
    game: Networks,
    player: Player,
    inputs: StepInputs,
    images_fake: Images,
    real: DiscriminatorOutput,
    fake: DiscriminatorOutput,
) -> Array:
    """The logits of both sides' images beside those of transformed copies."""
    rngs, total = fold(inputs.rngs, CONSISTENCY), jnp.float32(0.0)
    for images, output, purpose in ((inputs.images, real, NETWORK_REAL), (images_fake, fake, NETWORK_FAKE)):
        changed, _ = game.discriminate(player, augment(images, rngs, game.bcr_policy), inputs, purpose)
        total += consistency_penalty(output.logits, changed.logits).mean()
    return total


def _classify(output: DiscriminatorOutput, inputs: StepInputs) -> Array:
    """Mean cross-entropy of the auxiliary classifier."""
    assert output.class_logits is not None, "check_networks"
    assert inputs.labels is not None, "check_networks"
    return classification_loss(output.class_logits, inputs.labels).mean()


def _weighted_sum(terms: Terms) -> tuple[Array, Metrics]:
    total = sum((weight * value for weight, value in terms.values()), jnp.float32(0.0))
    return total, {name: value for name, (_, value) in terms.items()}
