"""What is added to the adversarial loss of either player: the weighted sum, and each term by itself for the metrics."""

from __future__ import annotations

import jax.numpy as jnp

from jgan.augment.diffaugment import augment
from jgan.games.networks import CONSISTENCY, NETWORK_FAKE, NETWORK_REAL, PENALTY, Hand, Networks, Verdict, fold
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
    game: Networks, player: Player, hand: Hand, images_fake: Images, real: Verdict, fake: Verdict, state: TrainState
) -> tuple[Array, Metrics]:
    """Of a discriminator that said `real` and `fake` of this step's images."""
    terms: Terms = {}
    critic, rngs = game.critic(player, hand, NETWORK_REAL), fold(hand.rngs, PENALTY)
    if game.gradient_penalty_weight:
        penalty = gradient_penalty(critic, hand.images, images_fake, rngs)
        terms["gradient_penalty"] = game.gradient_penalty_weight, penalty.mean()
    if game.dragan_weight:
        terms["dragan"] = game.dragan_weight, dragan_penalty(critic, hand.images, rngs).mean()
    if game.r1_every == 1:
        terms |= _zero_gradient_terms(game, player, hand, images_fake)
    if game.drift_weight:
        terms["drift"] = game.drift_weight, drift_penalty(real.logits).mean()
    if game.lecam_weight:
        averages = state.extras["logits_real"], state.extras["logits_fake"]
        terms["lecam"] = game.lecam_weight, lecam_penalty(real.logits, fake.logits, *averages).mean()
    if game.bcr_weight:
        terms["bcr"] = game.bcr_weight, _balanced_consistency(game, player, hand, images_fake, real, fake)
    if game.zcr_weight:
        near, _ = game.judge(player, game.generate_near(state.generator, hand), hand, NETWORK_FAKE)
        terms["zcr"] = game.zcr_weight, consistency_penalty(fake.logits, near.logits).mean()
    if game.orthogonal_weight:
        terms["orthogonal"] = game.orthogonal_weight, orthogonal_penalty(player.params)
    if game.classifier_weight:
        terms["classifier"] = game.classifier_weight, _classify(real, hand) + _classify(fake, hand)
    return _weighted_sum(terms)


def zero_gradient_terms(game: Networks, player: Player, hand: Hand, images_fake: Images) -> tuple[Array, Metrics]:
    """R1 and R2 alone, for a move of their own."""
    return _weighted_sum(_zero_gradient_terms(game, player, hand, images_fake))


def generator_terms(
    game: Networks, player: Player, hand: Hand, images_fake: Images, real: Verdict, fake: Verdict
) -> tuple[Array, Metrics]:
    """Of a generator that drew `images_fake`, of which the discriminator said `fake`."""
    terms: Terms = {}
    if game.feature_matching_weight:
        assert real.features is not None, "check_networks"
        assert fake.features is not None, "check_networks"
        distance = feature_matching_loss(real.features, fake.features)
        terms["feature_matching"] = game.feature_matching_weight, distance
    if game.generator_classifier_weight:
        terms["classifier"] = game.generator_classifier_weight, _classify(fake, hand)
    if game.zcr_generator_weight:
        distance = jnp.square(images_fake - game.generate_near(player, hand)).mean()
        terms["zcr"] = -game.zcr_generator_weight, distance
    if game.generator_orthogonal_weight:
        terms["orthogonal"] = game.generator_orthogonal_weight, orthogonal_penalty(player.params)
    return _weighted_sum(terms)


def _zero_gradient_terms(game: Networks, player: Player, hand: Hand, images_fake: Images) -> Terms:
    terms: Terms = {}
    sides = (
        ("r1", game.r1_gamma, hand.images, NETWORK_REAL),
        ("r2", game.r2_gamma, images_fake, NETWORK_FAKE),
    )
    for name, gamma, images, purpose in sides:
        if gamma:
            penalty = zero_gradient_penalty(game.critic(player, hand, purpose), images)
            terms[name] = 0.5 * game.gamma_scale(hand.images_seen) * gamma, penalty.mean()
    return terms


def _balanced_consistency(
    game: Networks, player: Player, hand: Hand, images_fake: Images, real: Verdict, fake: Verdict
) -> Array:
    """The logits of both sides' images beside those of transformed copies."""
    rngs, total = fold(hand.rngs, CONSISTENCY), jnp.float32(0.0)
    for images, verdict, purpose in ((hand.images, real, NETWORK_REAL), (images_fake, fake, NETWORK_FAKE)):
        changed, _ = game.judge(player, augment(images, rngs, game.bcr_policy), hand, purpose)
        total += consistency_penalty(verdict.logits, changed.logits).mean()
    return total


def _classify(verdict: Verdict, hand: Hand) -> Array:
    """Mean cross-entropy of the auxiliary classifier."""
    assert verdict.class_logits is not None, "check_networks"
    assert hand.labels is not None, "check_networks"
    return classification_loss(verdict.class_logits, hand.labels).mean()


def _weighted_sum(terms: Terms) -> tuple[Array, Metrics]:
    total = sum((weight * value for weight, value in terms.values()), jnp.float32(0.0))
    return total, {name: value for name, (_, value) in terms.items()}
