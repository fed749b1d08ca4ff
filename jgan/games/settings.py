"""The options of a game against one discriminator, each 0 or empty where it is off: penalties, then stabilisers."""

from __future__ import annotations

import dataclasses

from jgan.augment.diffaugment import check_policy
from jgan.types import UserError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Penalties:
    """Weights of what is added to a player's loss (jgan/losses/penalties.py)."""

    gradient_penalty_weight: float = 0.0  # WGAN-GP: 10
    dragan_weight: float = 0.0  # DRAGAN: 10
    r1_gamma: float = 0.0  # gamma / 2 times the penalty
    r2_gamma: float = 0.0
    final_gamma_scale: float = 1.0  # of both gammas, once they have changed as half a cosine (R3GAN: 0.1)
    gamma_images: int = 0  # over which they do; 0: they stay
    r1_every: int = 16  # R1 and R2 on every k-th step, as a move of their own; 1: in the discriminator's loss
    drift_weight: float = 0.0  # ProGAN: 0.001
    lecam_weight: float = 0.0  # LeCam: 0.1 to 0.5
    lecam_half_life_images: float = 4_400.0  # of the moving averages of the logits; 0.99 a step at batch 64
    bcr_weight: float = 0.0  # consistency under `bcr_policy`, of real and of fake images: 10
    bcr_policy: tuple[str, ...] = ("translation",)  # the paper's adds "flip"
    zcr_weight: float = 0.0  # consistency under noise on the latents: 5
    zcr_generator_weight: float = 0.0  # the generator pulls such pairs apart: 0.5
    zcr_noise: float = 0.03  # its deviation
    orthogonal_weight: float = 0.0  # of the discriminator's kernels
    generator_orthogonal_weight: float = 0.0  # BigGAN: 1e-4


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stabilisers:
    """What changes the inputs, targets, objective or turns of the players."""

    label_smoothing: float = 0.0  # one-sided: the target of real images is 1 minus this (Salimans et al. 2016, 3.4)
    label_flipping: float = 0.0  # share of real and of fake targets that the discriminator sees flipped
    instance_noise: float = 0.0  # deviation of noise on all images it sees (https://arxiv.org/abs/1610.04490)
    instance_noise_images: int = 0  # over which it falls to 0, linearly; 0: it stays
    blur_sigma: float = 0.0  # of all images it sees, in pixels (StyleGAN3-R: 10)
    blur_images: int = 0  # over which it falls to 0, linearly; 0: it stays
    augment: tuple[str, ...] = ()  # DiffAugment: "color", "translation", "cutout", on all images it sees
    augment_probability: float = 1.0  # of each of them for each image; real and fake image i alike
    augment_probability_images: int = 0  # over which it rises from 0, as half a cosine; 0: at once
    ada_target: float = (
        0.0  # ADA: augment_probability moves until D(real) is positive this much more often (0.6); 0: off
    )
    ada_images: int = 500_000  # over which the probability rises, or falls, by 1
    ada_every: int = 4  # steps between its moves
    frozen_layers: tuple[str, ...] = ()  # FreezeD: layers and blocks of the discriminator that do not learn
    generator_every: int = 1  # discriminator steps per generator step
    critic_warmup: bool = False  # WGAN: 100 critic steps before each of the first 25 generator moves and every 500th
    generator_batches: int = 1  # fake images on the generator's move for each of the batch (SNGAN: 2)
    top_k: float = 1.0  # share of its images, the most convincing, that the generator learns from (paper: 0.5)
    top_k_images: int = 0  # over which the share falls from 1, linearly; 0: at once
    generator_adversarial_weight: float = 1.0  # 0: feature matching alone, as in its paper
    feature_matching_weight: float = 0.0
    classifier_weight: float = 0.0  # of an auxiliary classifier, in the discriminator's loss (ACGAN: 1)
    generator_classifier_weight: float = 0.0  # and in the generator's (ACGAN: 1; WGAN-GP: 0.1)
    unroll_steps: int = 0  # discriminator steps that the generator's gradient looks through
    unroll_learning_rate: float = 2e-4  # of these steps, by Adam from the discriminator's own moments
    unroll_b1: float = 0.5  # as discriminator_optimizer has them
    unroll_b2: float = 0.999


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings(Penalties, Stabilisers):
    """All of them."""

    def check_settings(self) -> None:
        """Raises UserError for options that make no sense by themselves."""
        check_policy(self.augment, "game.augment")
        check_policy(self.bcr_policy, "game.bcr_policy")
        self._check_schedules()
        if self.bcr_weight and not self.bcr_policy:
            raise UserError("game.bcr_policy=(): expected what images are consistent under, such as ('translation',)")
        if self.zcr_generator_weight and not self.zcr_weight:
            raise UserError("game.zcr_generator_weight: needs the discriminator's side; set game.zcr_weight too")
        if self.zcr_weight and not self.zcr_noise:
            raise UserError("game.zcr_noise=0: images of the same latents are consistent anyway; set it above 0")
        self._check_stabilisers()

    def _check_schedules(self) -> None:
        if self.gamma_images and not (self.r1_gamma or self.r2_gamma):
            raise UserError("game.gamma_images: there is no gamma to change; set game.r1_gamma or r2_gamma, or it to 0")
        if bool(self.gamma_images) != (self.final_gamma_scale != 1.0):
            raise UserError(
                f"game.final_gamma_scale={self.final_gamma_scale}, game.gamma_images={self.gamma_images}: one does "
                "nothing without the other; set both, or leave both"
            )
        if self.augment_probability > 1.0:
            raise UserError(f"game.augment_probability={self.augment_probability}: expected a share, 1 at most")
        if not self.augment and (self.augment_probability != 1.0 or self.augment_probability_images):
            raise UserError("game.augment=(): augment_probability is that of nothing; set augment, or leave it")
        self._check_ada()
        if self.augment and not self.augment_probability:
            raise UserError("game.augment_probability=0: nothing is augmented; set it above 0, or augment to ()")

    def _check_ada(self) -> None:
        if self.ada_target and not self.augment:
            raise UserError("game.augment=(): there is nothing to adapt to game.ada_target; set augment, or it to 0")
        if self.ada_target > 1.0:
            raise UserError(f"game.ada_target={self.ada_target}: expected at most 1, where D(real) is always positive")
        if self.ada_target and self.augment_probability_images:
            raise UserError(
                "game.augment_probability_images: game.ada_target moves the probability; set one of them to 0"
            )
        if self.ada_target and not self.ada_images:
            raise UserError("game.ada_images=0: expected over how many images the probability may rise by 1")

    def _check_stabilisers(self) -> None:
        if self.instance_noise_images and not self.instance_noise:
            raise UserError(
                "game.instance_noise_images: there is no noise to fall; set game.instance_noise, or it to 0"
            )
        if self.blur_images and not self.blur_sigma:
            raise UserError("game.blur_images: there is no blur to fall; set game.blur_sigma, or it to 0")
        if not 0.0 < self.top_k <= 1.0:
            raise UserError(f"game.top_k={self.top_k}: expected a share above 0, at most 1")
        if self.top_k_images and self.top_k == 1.0:
            raise UserError("game.top_k_images: the share stays 1; set game.top_k below 1, or it to 0")
        if self.top_k < 1.0 and not self.generator_adversarial_weight:
            raise UserError(f"game.top_k={self.top_k}: it thins out a loss of weight 0; set it to 1")
        if not self.generator_adversarial_weight and not self.feature_matching_weight:
            raise UserError(
                "game.generator_adversarial_weight=0: the generator would learn nothing; "
                "set game.feature_matching_weight"
            )
        if self.critic_warmup and self.generator_every == 1:
            raise UserError("game.generator_every=1: critic_warmup is for a critic with more steps than the generator")
        if self.unroll_steps and not self.unroll_learning_rate:
            raise UserError("game.unroll_learning_rate=0: the steps would go nowhere; set it, or unroll_steps to 0")
        if self.unroll_steps and self.generator_batches > 1:
            raise UserError(
                f"game.generator_batches={self.generator_batches}: unroll_steps look through steps on as many fake as "
                "real images; set one of them back"
            )
