"""The game of two domains without pairs: CycleGAN (Zhu et al. 2017, https://arxiv.org/abs/1703.10593), section 3.

Two translators are one player and two critics the other. The critics see translations of earlier steps too: pools of
them (Shrivastava et al. 2017, https://arxiv.org/abs/1612.07828, section 2.3) are arrays of the state, so they are
sharded, checkpointed and resumed like everything else.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import get_args

import jax
import jax.numpy as jnp

from jgan.games.forward import forward, init_network, shapes_of
from jgan.games.networks import fold
from jgan.games.translation import Translation, as_picture, check_shape, in_columns
from jgan.types import (
    Array,
    Batch,
    Direction,
    Images,
    Logits,
    LossOutput,
    Phase,
    Player,
    PyTree,
    Rngs,
    ScheduledStage,
    Stage,
    TrainState,
    UserError,
)

TRANSLATE, CYCLE, IDENTITY, DISCRIMINATE_REAL, DISCRIMINATE_FAKE = range(5)  # what the key of dropout is folded with
POOL = 0x706F6F6C  # "pool": what the keys of the pools are folded with
DOMAINS = ("images_a", "images_b")
FAKES = ("fake_a", "fake_b")  # the translations that the translators hand to the critics

DomainPair = tuple[Array, Array]  # of domain a, of domain b


@dataclasses.dataclass(frozen=True)
class UnpairedGAN(Translation):
    """`generator(images_a, images_b, train=)` gives (images of b, images of a), `discriminator` (logits_a, logits_b).

    The generator has methods `a_to_b` and `b_to_a`, named as the direction.
    """

    adversarial: str = "least_squares"
    cycle_weight_a: float = 10.0  # of the mean distance between images and their translations there and back
    cycle_weight_b: float = 10.0
    identity_weight: float = 0.5  # times the cycle's weight: a translator leaves images of its own target as they are
    pool_size: int = 50  # translations of earlier steps, of each domain; 0: none
    # Dropout and batch statistics of training also when images are translated, as the authors' test.py without --eval.
    # Without it running statistics are taken, those of the real images of each translator's own domain.
    test_as_trained: bool = True

    def check(self, stages: tuple[Stage, ...]) -> None:
        """Raises UserError for settings that contradict each other."""
        self.check_loss(stages)
        for index, stage in enumerate(stages):
            if not stage.adversarial:
                raise UserError(f"stages[{index}].adversarial=False: without pairs nothing else trains; set it to true")
            if len({stage.resolution for stage in stages}) > 1 and self.pool_size:
                raise UserError(f"stages[{index}].resolution: the pools hold images of one size; set pool_size to 0")

    def check_data(self, batch: Batch, num_classes: int | None, num_words: int | None) -> None:
        """Raises UserError where the data are not two domains, or the translators' images are not of their shapes."""
        del num_classes, num_words
        if DOMAINS[0] not in batch:
            raise UserError(
                "data.source: is not two domains; take unpaired:<directory>, with folders trainA and trainB"
            )
        a, b = (batch[name] for name in DOMAINS)
        (fake_b, fake_a), _ = shapes_of(self.generator, a, b)
        check_shape(fake_b, b, "those of domain B")
        check_shape(fake_a, a, "those of domain A")
        if self.identity_weight and a.shape[1:] != b.shape[1:]:
            raise UserError(
                f"game.identity_weight={self.identity_weight}: the domains' images differ in shape; set it to 0"
            )

    def init(self, rng: Array, batch: Batch, stage: ScheduledStage) -> tuple[PyTree, PyTree]:
        """Flax variables of both players."""
        del stage
        domains = [batch[name] for name in DOMAINS]
        return init_network(self.generator, rng, *domains), init_network(self.discriminator, rng, *domains)

    def init_extras(self, batch: Batch) -> PyTree:
        """Empty pools, and how many images have come to them."""
        if not self.pool_size:
            return {}
        pools = {name: jnp.zeros((self.pool_size, *batch[name].shape[1:])) for name in DOMAINS}
        return {**pools, "count": jnp.int32(0)}

    def how_to_sample(self) -> str:
        """The command that translates with any run of this game, with its flags."""
        return "translate --direction a_to_b --input DIR"

    def phases(self, stage: ScheduledStage) -> tuple[Phase, ...]:
        """Translators, then critics, as in the authors' code: so the translations are made once for both."""
        del stage
        return (
            Phase("generator", "generator", self.generator_loss, reused=FAKES),
            Phase("discriminator", "discriminator", self.discriminator_loss),
        )

    def generator_loss(self, params: PyTree, state: TrainState, batch: Batch, rngs: Rngs) -> LossOutput:
        """Equation 3 for both directions, and section 5.2's identity term."""
        a, b = (batch[name] for name in DOMAINS)
        player = state.generator.replace(params=params)
        (fake_b, fake_a), same, player = self._translated(player, (a, b), rngs)
        (cycle_b, cycle_a), _ = self._run(player, (fake_a, fake_b), rngs, CYCLE)
        real, _ = self._discriminate(state.discriminator, (a, b), rngs, DISCRIMINATE_REAL)
        fake, _ = self._discriminate(state.discriminator, (fake_a, fake_b), rngs, DISCRIMINATE_FAKE)
        adversarial = [self.loss.generator(*pair).mean() for pair in zip(real, fake, strict=True)]
        cycle = self._between((cycle_a, cycle_b), (a, b))
        loss = self.adversarial_weight * (adversarial[0] + adversarial[1]) + cycle
        metrics = {"adversarial_a": adversarial[0], "adversarial_b": adversarial[1], "cycle": cycle}
        if same:
            metrics["identity"] = self.identity_weight * self._between((same[1], same[0]), (a, b))
            loss += metrics["identity"]
        metrics |= dict(zip(FAKES, (fake_a, fake_b), strict=True))
        return loss, (metrics, state.replace(generator=player))

    def discriminator_loss(self, params: PyTree, state: TrainState, batch: Batch, rngs: Rngs) -> LossOutput:
        """Sum over the domains of the critics' mean losses, real images against translations of now and earlier."""
        real = tuple(batch[name] for name in DOMAINS)
        pooled, extras = self._exchanged(state.extras, (batch[FAKES[0]], batch[FAKES[1]]), rngs)
        player = state.discriminator.replace(params=params)
        logits_real, player = self._discriminate(player, real, rngs, DISCRIMINATE_REAL)
        logits_fake, player = self._discriminate(player, pooled, rngs, DISCRIMINATE_FAKE)
        losses = [self.loss.discriminator(*pair).mean() for pair in zip(logits_real, logits_fake, strict=True)]
        loss = self.discriminator_weight * (losses[0] + losses[1])
        metrics = {"logits_real": _mean(logits_real), "logits_fake": _mean(logits_fake)}
        return loss, (metrics, state.replace(discriminator=player, extras=extras))

    @property
    def directions(self) -> tuple[Direction, ...]:
        """Both ways."""
        return get_args(Direction)

    def input_name(self, direction: Direction | None) -> str:
        """What images of the domain that a direction starts from are called in a batch."""
        return DOMAINS[0] if direction == "a_to_b" else DOMAINS[1]

    def translate(self, player: Player, inputs: Images, rng: Array, direction: Direction | None = None) -> Images:
        """Images [n, h, w, c] of one domain, of inputs [n, h, w, c] of the other, in [-1, 1]."""
        assert direction is not None, "there are two ways"
        return forward(self.generator, player, inputs, rng=rng, train=self.test_as_trained, method=direction)[0]

    def preview(self, stage: ScheduledStage, state: TrainState, player: Player, batch: Batch, rng: Array) -> Images:
        """The first images of A, their translations, and these translated back; and the same of B."""
        del stage, state
        a, b = (batch[name] for name in DOMAINS)
        fake_b, fake_a = self.translate(player, a, rng, "a_to_b"), self.translate(player, b, rng, "b_to_a")
        cycle_a, cycle_b = self.translate(player, fake_b, rng, "b_to_a"), self.translate(player, fake_a, rng, "a_to_b")
        return in_columns([as_picture(images, a) for images in (a, fake_b, cycle_a, b, fake_a, cycle_b)], 1)

    def preview_legend(self, class_names: Sequence[str] | None) -> tuple[str, ...]:
        """The columns of `preview`."""
        del class_names
        return "A", "A to B", "back to A", "B", "B to A", "back to B"

    def _translated(self, player: Player, real: DomainPair, rngs: Rngs) -> tuple[DomainPair, DomainPair | None, Player]:
        """Both domains' images through the translators to the other domain and, with an identity loss, to their own.

        Networks that treat every image by itself take both at once: so each kernel is read, and its gradient summed,
        once. Each image stays beside its neighbours, hence on its device.
        """
        if not self.identity_weight:
            fake, player = self._run(player, real, rngs, TRANSLATE)
            return fake, None, player
        if player.variables:
            fake, player = self._run(player, real, rngs, TRANSLATE)
            same, _ = self._run(player, (real[1], real[0]), rngs, IDENTITY)
            return fake, same, player
        a, b = real
        joined = [jnp.stack(pair, 1).reshape(-1, *a.shape[1:]) for pair in ((a, b), (b, a))]
        fake, player = self._run(player, (joined[0], joined[1]), rngs, TRANSLATE)
        pairs = [images.reshape(-1, 2, *images.shape[1:]) for images in fake]
        return (pairs[0][:, 0], pairs[1][:, 0]), (pairs[0][:, 1], pairs[1][:, 1]), player

    def _run(self, player: Player, images: DomainPair, rngs: Rngs, purpose: int) -> tuple[DomainPair, Player]:
        """Both translators on images meant for a_to_b and for b_to_a."""
        return forward(self.generator, player, *images, rng=jax.random.fold_in(rngs[0], purpose))

    def _discriminate(
        self, player: Player, images: DomainPair, rngs: Rngs, purpose: int
    ) -> tuple[tuple[Logits, Logits], Player]:
        """Both critics on images of a and of b."""
        seen = [self.augmented(side, rngs) for side in images]
        return forward(self.discriminator, player, *seen, rng=jax.random.fold_in(rngs[0], purpose))

    def _between(self, images: DomainPair, real: DomainPair) -> Array:
        """The distances of both domains' images from the real ones, by the cycle's weights."""
        distances = [jnp.abs(side - other).mean() for side, other in zip(images, real, strict=True)]
        return self.cycle_weight_a * distances[0] + self.cycle_weight_b * distances[1]

    def _exchanged(self, extras: PyTree, fake: DomainPair, rngs: Rngs) -> tuple[DomainPair, PyTree]:
        """What the critics see in place of these translations, and the pools with them taken in."""
        if not self.pool_size:
            return fake, extras
        pooled, pools = [], {}
        for place, (name, images) in enumerate(zip(DOMAINS, fake, strict=True)):
            keys = fold(rngs, POOL + place)
            pools[name], taken = exchange(extras[name], extras["count"], images, keys)
            pooled.append(taken)
        return (pooled[0], pooled[1]), {**pools, "count": extras["count"] + fake[0].shape[0]}


def exchange(pool: Images, count: Array, images: Images, rngs: Rngs) -> tuple[Images, Images]:
    """The pool [p, h, w, c] after images [n, h, w, c] have come to it one by one, and what is taken in their place.

    While the pool, to which `count` images have come before, is not full, an image goes in and is taken too. Then, in
    half of all cases, an old one is taken and the new one has its place; in the others the new one is taken.
    """
    size = pool.shape[0]

    def exchange_one(carry: tuple[Images, Array], item: tuple[Array, Array]) -> tuple[tuple[Images, Array], Array]:
        pool, count = carry
        image, rng = item
        rng_take, rng_place = jax.random.split(rng)
        full = count >= size
        take_old = full & jax.random.bernoulli(rng_take)
        place = jnp.where(full, jax.random.randint(rng_place, (), 0, size), jnp.minimum(count, size - 1))
        old = pool[place]
        stored = jnp.where(~full | take_old, image, old)
        return (pool.at[place].set(stored), count + 1), jnp.where(take_old, old, image)

    (pool, _), taken = jax.lax.scan(exchange_one, (pool, count), (images, rngs))
    return pool, taken


def _mean(logits: tuple[Logits, Logits]) -> Array:
    return 0.5 * (logits[0].mean() + logits[1].mean())
