"""Adversarial losses: what each side minimises, element by element, given the discriminator's logits."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jgan.types import Array, Logits


class Adversarial(NamedTuple):
    """One loss for each side. Both take (logits_real, logits_fake) of any equal shape and return that shape.

    `against_target` is the discriminator's loss of a logit for a target in [0, 1] (1: real), for losses of that kind;
    label smoothing and label flipping need it. `relative` losses compare real with fake logits, on both sides. In
    `zero_sum` games the generator's loss is the discriminator's with the other sign, less its part of the real logits,
    which depends on the generator only through a discriminator that answers to it (unrolling).
    """

    discriminator: Callable[[Logits, Logits], Logits]
    generator: Callable[[Logits, Logits], Logits]
    against_target: Callable[[Logits, Array], Logits] | None = None
    relative: bool = False
    zero_sum: bool = False


def _cross_entropy(logits: Logits, target: Array) -> Logits:
    """-target log(D) - (1 - target) log(1 - D), with D = sigmoid(logits)."""
    return target * jax.nn.softplus(-logits) + (1.0 - target) * jax.nn.softplus(logits)


def _cross_entropy_discriminator(logits_real: Logits, logits_fake: Logits) -> Logits:
    return jax.nn.softplus(-logits_real) + jax.nn.softplus(logits_fake)


def _non_saturating_generator(logits_real: Logits, logits_fake: Logits) -> Logits:
    del logits_real
    return jax.nn.softplus(-logits_fake)


def _minimax_generator(logits_real: Logits, logits_fake: Logits) -> Logits:
    del logits_real
    return -jax.nn.softplus(logits_fake)


def _square_error(logits: Logits, target: Array) -> Logits:
    return jnp.square(logits - target)


def _least_squares_discriminator(logits_real: Logits, logits_fake: Logits) -> Logits:
    return jnp.square(logits_real - 1.0) + jnp.square(logits_fake)


def _least_squares_generator(logits_real: Logits, logits_fake: Logits) -> Logits:
    del logits_real
    return jnp.square(logits_fake - 1.0)


def _hinge_discriminator(logits_real: Logits, logits_fake: Logits) -> Logits:
    return jax.nn.relu(1.0 - logits_real) + jax.nn.relu(1.0 + logits_fake)


def _hinge_generator(logits_real: Logits, logits_fake: Logits) -> Logits:
    del logits_real
    return -logits_fake


def _wasserstein_discriminator(logits_real: Logits, logits_fake: Logits) -> Logits:
    return logits_fake - logits_real


def _wasserstein_generator(logits_real: Logits, logits_fake: Logits) -> Logits:
    del logits_real
    return -logits_fake


def _paired_discriminator(logits_real: Logits, logits_fake: Logits) -> Logits:
    return jax.nn.softplus(logits_fake - logits_real)


def _paired_generator(logits_real: Logits, logits_fake: Logits) -> Logits:
    return jax.nn.softplus(logits_real - logits_fake)


def _relativistic_average(discriminator: Callable[[Logits, Logits], Logits]) -> Adversarial:
    """The loss of each logit less the mean of the other side's; the generator's has real and fake exchanged."""

    def relative(logits_real: Logits, logits_fake: Logits) -> Logits:
        return discriminator(logits_real - logits_fake.mean(), logits_fake - logits_real.mean())

    return Adversarial(relative, lambda logits_real, logits_fake: relative(logits_fake, logits_real), relative=True)


def _symmetric_square(logits_real: Logits, logits_fake: Logits) -> Logits:
    return jnp.square(logits_real - 1.0) + jnp.square(logits_fake + 1.0)


# Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661: equation 1, and section 3's remark on log D.
minimax = Adversarial(_cross_entropy_discriminator, _minimax_generator, _cross_entropy, zero_sum=True)
non_saturating = Adversarial(_cross_entropy_discriminator, _non_saturating_generator, _cross_entropy)
# Mao et al. 2017, https://arxiv.org/abs/1611.04076: equation 9 (a=0, b=c=1) without its factors 1/2.
least_squares = Adversarial(_least_squares_discriminator, _least_squares_generator, _square_error)

# Lim & Ye 2017, https://arxiv.org/abs/1705.02894: section 3.1, as in Miyato et al. 2018, equations 16 and 17.
hinge = Adversarial(_hinge_discriminator, _hinge_generator)
# Arjovsky et al. 2017, https://arxiv.org/abs/1701.07875: Algorithm 1.
wasserstein = Adversarial(_wasserstein_discriminator, _wasserstein_generator, zero_sum=True)
# Jolicoeur-Martineau 2019, https://arxiv.org/abs/1807.00734: the paired loss (RpGAN with cross entropy), and the
# average ones (RaSGAN, RaLSGAN, RaHingeGAN), whose means are over the (micro)batch. Her code halves the average ones.
relativistic_paired = Adversarial(_paired_discriminator, _paired_generator, relative=True)
relativistic_average = _relativistic_average(_cross_entropy_discriminator)
relativistic_average_least_squares = _relativistic_average(_symmetric_square)
relativistic_average_hinge = _relativistic_average(_hinge_discriminator)

ADVERSARIAL = {
    "non_saturating": non_saturating,
    "minimax": minimax,
    "least_squares": least_squares,
    "hinge": hinge,
    "wasserstein": wasserstein,
    "relativistic_paired": relativistic_paired,
    "relativistic_average": relativistic_average,
    "relativistic_average_least_squares": relativistic_average_least_squares,
    "relativistic_average_hinge": relativistic_average_hinge,
}
