"""Optimizers from data, schedules in images seen, the generator's average, and WGAN's weight clipping."""

from __future__ import annotations

import abc
import dataclasses
from typing import Any, Literal

import jax
import jax.numpy as jnp
import optax

from jgan.types import COPIED, Array, Phase, Player, PlayerName, PyTree, ScheduledStage, UserError


@dataclasses.dataclass(frozen=True, kw_only=True)
class OptimizerConfig(abc.ABC):
    """What every optimizer has: a learning rate with its schedule in images seen, and two kinds of clipping."""

    learning_rate: float = 2e-4
    warmup_images: int = 0  # linear from 0
    decay: Literal["constant", "linear", "cosine"] = "constant"
    decay_start_images: int = 0  # the decay begins here
    decay_images: int = 0  # and lasts this long
    final_scale: float = 0.0  # of the learning rate once decayed
    clip_norm: float = 0.0  # of the whole gradient; 0: not clipped
    clip_weights: float = 0.0  # WGAN: every parameter stays in [-c, c]; 0: not clipped

    def check(self, path: str) -> None:
        """Raises UserError for settings that contradict each other; `path` names this optimizer in the config."""
        if self.decay != "constant" and not self.decay_images:
            raise UserError(f"{path}.decay_images=0: expected how many images the {self.decay} decay lasts")

    @abc.abstractmethod
    def transformation(self, lazy_ratio: float) -> optax.GradientTransformation:
        """The update direction before the learning rate; `lazy_ratio` as in `lazy_ratio()`."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class AdamConfig(OptimizerConfig):
    """Adam (Kingma & Ba 2015, https://arxiv.org/abs/1412.6980)."""

    b1: float = 0.5
    b2: float = 0.999
    final_b2: float = 0.0  # once decayed, as the learning rate is; 0: b2 stays
    eps: float = 1e-8

    def check(self, path: str) -> None:
        """As every optimizer's; b2 goes with the learning rate."""
        super().check(path)
        if self.final_b2 and self.decay == "constant":
            raise UserError(f"{path}.final_b2={self.final_b2}: nothing decays; set {path}.decay, or it to 0")

    def transformation(self, lazy_ratio: float) -> optax.GradientTransformation:
        """Adam's direction."""
        if self.final_b2:
            return scale_by_scheduled_adam(self, lazy_ratio)
        return optax.scale_by_adam(b1=self.b1**lazy_ratio, b2=self.b2**lazy_ratio, eps=self.eps)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RMSpropConfig(OptimizerConfig):
    """RMSprop (Hinton 2012), as WGAN trains with."""

    smoothing: float = 0.99
    eps: float = 1e-8

    def transformation(self, lazy_ratio: float) -> optax.GradientTransformation:
        """RMSprop's direction, eps outside the square root as in PyTorch."""
        return optax.scale_by_rms(decay=self.smoothing**lazy_ratio, eps=self.eps, eps_in_sqrt=False)


def lazy_ratio(phases: tuple[Phase, ...], player: PlayerName) -> float:
    """K / (k + 1) for each lazy phase of the player (StyleGAN2, https://arxiv.org/abs/1912.04958, appendix B)."""
    ratio = 1.0
    for phase in phases:
        if phase.lazy and phase.player == player:
            ratio *= phase.every / (phase.every + 1)
    return ratio


def make_optimizer(config: OptimizerConfig, lazy_ratio: float = 1.0) -> optax.GradientTransformationExtraArgs:
    """The player's optimizer. Its `update` takes the keywords `images_seen` and `learning_rate_scale`."""
    links = [optax.clip_by_global_norm(config.clip_norm)] if config.clip_norm else []
    links += [config.transformation(lazy_ratio), scale_by_images_seen(config, lazy_ratio)]
    if config.clip_weights:
        links.append(clip_params(config.clip_weights))
    return optax.chain(*links)


def scale_by_images_seen(config: OptimizerConfig, lazy_ratio: float) -> optax.GradientTransformationExtraArgs:
    """Minus the learning rate at `images_seen`, times the stage's scale. Stateless: resume needs nothing."""

    def update(
        updates: optax.Updates, state: optax.OptState, params: optax.Params | None = None, **extra_args: Any
    ) -> tuple[optax.Updates, optax.OptState]:
        del params
        scale = extra_args.get("learning_rate_scale", 1.0) * learning_rate(config, extra_args["images_seen"])
        return jax.tree.map(lambda leaf: -lazy_ratio * scale * leaf, updates), state

    return optax.GradientTransformationExtraArgs(lambda params: optax.EmptyState(), update)


def learning_rate(config: OptimizerConfig, images_seen: Array) -> Array:
    """The scheduled learning rate, a float32 scalar."""
    rate = jnp.float32(config.learning_rate)
    if config.warmup_images:
        rate *= jnp.minimum(images_seen / config.warmup_images, 1.0)
    if config.decay == "constant":
        return rate
    return rate * (1.0 + _decay_progress(config, images_seen) * (config.final_scale - 1.0))


def _decay_progress(config: OptimizerConfig, images_seen: Array) -> Array:
    """Share of the decay that is behind us, 0 to 1."""
    progress = jnp.clip((images_seen - config.decay_start_images) / config.decay_images, 0.0, 1.0)
    return half_cosine(progress) if config.decay == "cosine" else progress


def half_cosine(progress: Array) -> Array:
    """From 0 to 1 along half a period of a cosine, flat at both ends."""
    return 0.5 * (1.0 - jnp.cos(jnp.pi * progress))


def scale_by_scheduled_adam(config: AdamConfig, lazy_ratio: float) -> optax.GradientTransformationExtraArgs:
    """Adam's direction by a b2 that follows the schedule of the learning rate, as R3GAN's.

    The bias of a moment is corrected as if the b2 of this step had been that of all, as PyTorch does where the betas of
    `torch.optim.Adam` are changed between steps.
    """

    def update(
        updates: optax.Updates, state: optax.OptState, params: optax.Params | None = None, **extra_args: Any
    ) -> tuple[optax.Updates, optax.OptState]:
        progress = _decay_progress(config, extra_args["images_seen"])
        b2 = (config.b2 + progress * (config.final_b2 - config.b2)) ** lazy_ratio
        adam = optax.scale_by_adam(b1=config.b1**lazy_ratio, b2=b2, eps=config.eps)
        return adam.update(updates, state, params)

    return optax.GradientTransformationExtraArgs(optax.scale_by_adam().init, update)


def clip_params(limit: float) -> optax.GradientTransformation:
    """WGAN's weight clipping (https://arxiv.org/abs/1701.07875, Algorithm 1, line 7), last in the chain."""

    def update(
        updates: optax.Updates, state: optax.OptState, params: optax.Params | None = None
    ) -> tuple[optax.Updates, optax.OptState]:
        return jax.tree.map(lambda u, p: jnp.clip(p + u, -limit, limit) - p, updates, params), state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)


def unrolled_adam(b1: float, b2: float, learning_rate: float) -> optax.GradientTransformation:
    """Adam to look through (games/unrolling.py): to be differentiable, its small number is inside of the root."""
    return optax.chain(optax.scale_by_adam(b1, b2, eps=0.0, eps_root=1e-16), optax.scale(-learning_rate))


def adam_state(opt_state: PyTree) -> PyTree:
    """For `unrolled_adam`, the moments that a player's Adam has reached.

    Raises:
      UserError: it trains by another optimizer.
    """

    def is_moments(part: object) -> bool:
        return isinstance(part, optax.ScaleByAdamState)

    found = [part for part in jax.tree.leaves(opt_state, is_leaf=is_moments) if is_moments(part)]
    if len(found) != 1:
        raise UserError(
            "game.unroll_steps: they look through steps of Adam, and the discriminator has another optimizer; set "
            "discriminator_optimizer to AdamConfig, or unroll_steps to 0"
        )
    return found[0], optax.EmptyState()


@dataclasses.dataclass(frozen=True, kw_only=True)
class EmaConfig:
    """The exponential moving average of the generator's weights, its length in images."""

    half_life_images: float = 10_000.0  # 0: the average is the generator itself
    warmup: float = 0.05  # early on, at most this share of the images seen so far; 0: no warm-up
    rise_images: int = 0  # over which the half-life rises from 0, as half a cosine; 0: it is there at once

    def check(self, path: str) -> None:
        """Raises UserError for settings that contradict each other; `path` names them in the config."""
        if self.rise_images and not self.half_life_images:
            raise UserError(f"{path}.rise_images: the half-life stays 0; set {path}.half_life_images, or it to 0")
        if self.rise_images and self.warmup:
            raise UserError(f"{path}.warmup={self.warmup}: rise_images is a warm-up of its own; set one of them to 0")


def ema_decay(config: EmaConfig, stage: ScheduledStage, step: Array) -> Array:
    """The average's decay for the step numbered `step` (StyleGAN2-ADA's ramp-up, R3GAN's rise), a float32 scalar."""
    half_life = jnp.float32(config.half_life_images)
    if config.warmup:
        half_life = jnp.minimum(half_life, config.warmup * stage.images_seen(step + 1))
    if config.rise_images:
        half_life *= half_cosine(jnp.minimum(stage.images_seen(step) / config.rise_images, 1.0))
    return 0.5 ** (stage.batch_size / jnp.maximum(half_life, 1e-8))


def update_average(player: Player, decay: Array) -> Player:
    """One step of the moving average, of parameters and of floating-point variables; the others are copied.

    So are the collections in COPIED, as in https://github.com/NVlabs/stylegan2-ada-pytorch, which copies all buffers:
    an average of averages would lag behind, and a constant would no longer be one to the last bit.
    """

    def mix(average: Array, new: Array) -> Array:
        if not jnp.issubdtype(new.dtype, jnp.floating):
            return new
        return decay * average + (1.0 - decay) * new

    return player.replace(
        params_ema=jax.tree.map(mix, player.params_ema, player.params),
        variables_ema={
            name: new if name in COPIED else jax.tree.map(mix, player.variables_ema[name], new)
            for name, new in player.variables.items()
        },
    )
