"""A run's latents, styles and images: what every tool for latents stands on."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np

from jgan.config import Config
from jgan.configuration.ranges import check_count
from jgan.data.classes import names_or_numbers
from jgan.engine import processes
from jgan.engine.memory import check_host_bytes, within_memory
from jgan.engine.sharding import make_sharding
from jgan.games.latent import LatentGAN
from jgan.games.style import StyleGAN
from jgan.games.truncation import at_truncation
from jgan.inference.generator import checked_labels
from jgan.inference.given_arrays import floats
from jgan.inference.given_captions import GivenCaptions, encode_captions
from jgan.inference.samples import labels_in_turn
from jgan.inference.sampling import SMALLER, STANDING, Sampler, check_truncation, classes_in_turn, latent_game
from jgan.inference.weights import NEWEST, Weights, read_numbering, read_vocabulary, restore_generator
from jgan.layers.style import average_style
from jgan.rundir.pictures import to_uint8
from jgan.types import Array, Images, Labels, Latents, Player, PyTree, UserError, schedule, stage_ending

BATCH_SIZE = 16


class LatentSpace:
    """Latents of a run by seed, and the images of latents and, of StyleGANs, of styles.

    Seed N is image number N of `jgan sample --seed 0`. What takes many rows computes them in batches of one size, of
    which the last is filled up, so that each program is compiled once for all tools.

    Attributes:
      game: of the run.
      player: the generator's weights, without an optimizer; an argument of the functions that can be traced.
      step: of their checkpoint.
      class_names: in the order of their numbers; None where the run knows of none.
      growth: what its networks take beside their inputs, where they grow.
      has_styles: whether latents [n, z] become styles [n, layers, w] before they become images.
    """

    def __init__(self, config: Config, workdir: Path, weights: Weights = NEWEST, batch_size: int = BATCH_SIZE) -> None:
        """Reads the weights.

        Raises:
          UserError: the run does not start from latents, or has no such checkpoint.
        """
        check_count("--batch_size", batch_size)
        self.game = latent_game(config, "--workdir")
        player, self.step = restore_generator(config, workdir, weights)
        self.player = player.replace(opt_state=None, params_ema=None, variables_ema=None)
        self.has_styles = self.game.has_styles
        self._style_game = cast(StyleGAN, self.game)  # where it has styles
        self._without_tables = dataclasses.replace(self.game, truncation_tables=0)
        self._numbering = functools.cache(functools.partial(read_numbering, workdir, weights))
        self._vocabulary = functools.cache(functools.partial(read_vocabulary, workdir, weights))
        self._stages = config.stages
        self.growth = self.game.growth(stage_ending(schedule(config.stages), self.step), jnp.int32(self.step))
        self._sharding = make_sharding()
        devices = self._sharding.mesh.size
        self._batch_size = -(-batch_size // devices) * devices
        what = f"--batch_size={self._batch_size}: so many images at once"
        self._generate, self._map, self._synthesize = (
            within_memory(jax.jit(function), what, SMALLER) for function in (self.generate, self.map, self.synthesize)
        )

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """The names of the run's classes."""
        return self._numbering().names

    @property
    def class_titles(self) -> tuple[str, ...]:
        """What each class is called on a picture: its name, or its number; () of an unconditional run."""
        return names_or_numbers(self.class_names, self.game.num_classes) if self.game.num_classes else ()

    @functools.cached_property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of its images."""
        height, width, channels = self.game.image_shape(stage_ending(schedule(self._stages), self.step))
        return height, width, channels

    @functools.cached_property
    def style_shape(self) -> tuple[int, int]:
        """(layers, w) of the styles of an image. Raises UserError where the run has no styles."""
        self.check_styles("styles")
        latents, labels = jnp.zeros((1, self.game.latent_dim)), self.game.example_labels(1)
        _, layers, features = jax.eval_shape(self.map, self.player, latents, labels).shape
        return layers, features

    @functools.cached_property
    def average_style(self) -> np.ndarray:
        """The average style float32 [w] of training. Raises UserError where the run has no styles."""
        self.check_styles("average_style")
        return np.asarray(jax.device_get(average_style(self.player.variables)), np.float32)

    def check_styles(self, what: str) -> None:
        """Raises UserError, naming `what` asks for them, where the run has no styles."""
        if not self.has_styles:
            raise UserError(
                f"{what}: this run has no styles, its latents become images at once; take a run of a StyleGAN"
            )

    # Functions of arrays alone: JAX can trace them, differentiate them and compile them into others.

    def generate(self, player: Player, latents: Latents, labels: Labels | None = None) -> Images:
        """Images float32 [n, h, w, c] around [-1, 1] of latents [n, z]; of styles take `map` and `synthesize`.

        A `player` of BigGAN with statistics for each truncation is one that `truncated` has given.
        """
        return self._without_tables.images_from(player, latents, labels, None, self.growth, rng=jax.random.key(0))

    def map(
        self, player: Player, latents: Latents, labels: Labels | None = None, truncation: Array | float | None = None
    ) -> Array:
        """Styles float32 [n, layers, w] of latents [n, z]; `truncation` is psi."""
        return self._style_game.styles_from(player, latents, labels, truncation, self.growth, rng=jax.random.key(0))

    def synthesize(self, player: Player, styles: Array) -> Images:
        """Images float32 [n, h, w, c] around [-1, 1] of styles [n, layers, w], with the noise that is constant."""
        return self._style_game.images_from_styles(player, styles, self.growth, rng=jax.random.key(0))

    # By seed.

    def latents(self, seeds: Sequence[int], truncation: float | None = None) -> np.ndarray:
        """The latents float32 [n, z] of seeds; `truncation` as `jgan sample` has it, which is psi of StyleGANs.

        Raises:
          UserError: a seed out of range, or a truncation that this run does not take.
        """
        check_seeds(seeds)
        if truncation is not None:
            check_truncation(self.game, truncation)
        check_host_bytes(4 * len(seeds) * self.game.latent_dim, f"{len(seeds)} latents", "ask for fewer at once")
        return jax.device_get(_latents(self.game, np.asarray(seeds, np.int32), truncation))

    def labels(
        self,
        seeds: Sequence[int],
        labels: Sequence[str | int] | None = None,
        captions: GivenCaptions | None = None,
    ) -> np.ndarray | None:
        """What the images of seeds show: classes int32 [n], or captions as the network takes them; None without any.

        `labels`, names or numbers, and captions are taken in turn. Without `labels` a seed has the class that
        `jgan sample` gives that image.

        Raises:
          UserError: labels or captions that this run does not take, or no caption where it needs one.
        """
        given = self.given_labels(labels, captions)
        if given is not None:
            return given[np.arange(len(seeds)) % len(given)]
        return np.asarray(seeds, np.int32) % self.game.num_classes if self.game.num_classes else None

    def given_labels(
        self, labels: Sequence[str | int] | None = None, captions: GivenCaptions | None = None
    ) -> np.ndarray | None:
        """Classes int32 [n], or captions as the network takes them, each once; None where none are given.

        Raises:
          UserError: as `labels`.
        """
        if self.game.captions != "none" and labels is not None:
            raise UserError("--labels: this run generates images from captions, it has no classes to choose")
        encoded = encode_captions(self.game, captions, self._vocabulary)
        if encoded is not None or labels is None:
            return encoded
        return labels_in_turn(self.game, labels, len(labels), self._numbering)

    # Many rows.

    def styles(self, latents: np.ndarray, labels: PyTree = None, truncation: float | None = None) -> np.ndarray:
        """Styles float32 [n, layers, w] of latents [n, z] (and labels [n]); `truncation` is psi.

        Raises:
          UserError: the run has no styles, or does not take these latents, labels or truncation.
        """
        self.check_styles("styles")
        latents, labels = self._checked(latents, labels)
        psi = None if truncation is None else np.float32(self._checked_truncation(truncation))
        return self._in_batches(functools.partial(self._map_with, psi), latents, labels)

    def images(
        self,
        latents: np.ndarray,
        labels: PyTree = None,
        truncation: float | None = None,
        *,
        player: Player | None = None,
    ) -> np.ndarray:
        """Images uint8 [n, h, w, c] of latents [n, z] and, where the run has some, labels int32 [n].

        Captions as `labels` gives them take the place of labels, and so does a `Blend` of two rows of either.
        `truncation` is psi of StyleGANs, and chooses the batch statistics of published BigGANs; other generators do
        not look at it: their latents are truncated themselves, as `latents` does. `player`: other weights.

        Raises:
          UserError: latents, labels or a truncation that this run does not take.
        """
        if self.has_styles:
            return self.images_of_styles(self.styles(latents, labels, truncation))
        latents, labels = self._checked(latents, labels)
        player = player or self.truncated(truncation)
        return to_uint8(self._in_batches(functools.partial(self._generate, player), latents, labels))

    def images_of_styles(self, styles: np.ndarray) -> np.ndarray:
        """Images uint8 [n, h, w, c] of styles [n, layers, w].

        Raises:
          UserError: the run has no styles, or not so many.
        """
        self.check_styles("styles")
        styles = np.asarray(floats("styles", styles, ("n", *self.style_shape)), np.float32)
        return to_uint8(self._in_batches(functools.partial(self._synthesize, self.player), styles))

    def truncated(self, truncation: float | None) -> Player:
        """The generator that `generate` takes: a BigGAN's with its statistics for this truncation, 1 without one.

        Raises:
          UserError: a truncation that this run does not take.
        """
        if truncation is not None:
            self._checked_truncation(truncation)
        tables = self.game.truncation_tables
        return at_truncation(self.player, 1.0 if truncation is None else truncation, tables) if tables else self.player

    def with_standing_statistics(self, batches: int, batch_size: int, truncation: float | None = None) -> Player:
        """The generator with the mean batch statistics of so many fresh batches in place of the running ones.

        As `jgan sample --standing_batches` has them.

        Raises:
          UserError: the run has no batch norm, or captions, or statistics for each truncation.
        """
        if self.game.captions != "none":
            raise UserError("--standing_batches: these are statistics over all captions, which only evaluate has")
        if truncation is not None:
            check_truncation(self.game, truncation)
        sampler = Sampler(self.game, self._stages, batch_size, truncation)
        classes = classes_in_turn(self.game, self.game.num_classes)
        return sampler.with_standing_statistics(self.player, self.step, classes, batches, seed=0)

    def _map_with(self, psi: np.float32 | None, latents: Latents, labels: PyTree) -> Array:
        return self._map(self.player, latents, labels, psi)

    def _checked(self, latents: Any, labels: Any) -> tuple[np.ndarray, PyTree]:
        latents = np.asarray(floats("latents", latents, ("n", self.game.latent_dim)), np.float32)
        return latents, checked_labels(self.game, labels, len(latents))

    def _checked_truncation(self, truncation: float) -> float:
        check_truncation(self.game, truncation)
        return truncation

    def _in_batches(self, program: Any, *inputs: PyTree) -> np.ndarray:
        """A program's rows float32 of inputs whose arrays have as many; the rows of each batch are on all devices."""
        count, size, outputs = len(jax.tree.leaves(inputs)[0]), self._batch_size, []
        for start in range(0, count, size):
            places = np.minimum(np.arange(start, start + size), count - 1)
            batch = jax.tree.map(lambda array, places=places: np.asarray(array)[places], inputs)
            outputs.append(processes.fetch(program(*self._sharding.put_batch(batch)))[: count - start])
        return np.concatenate(outputs)


def check_seeds(seeds: Sequence[int], flag: str = "--seeds") -> None:
    """Raises UserError where there are none, or one is no number of an image of `jgan sample`."""
    if not len(seeds):
        raise UserError(f"{flag}: expected at least one")
    wrong = [seed for seed in seeds if not 0 <= seed < STANDING]
    if wrong:
        raise UserError(f"{flag}: {wrong[0]} is no number of an image; expected 0 to {STANDING - 1:,}")


@functools.partial(jax.jit, static_argnames="game")
def _latents(game: LatentGAN, seeds: Array, truncation: float | None) -> Latents:  # one program for all truncations
    keys = jax.vmap(functools.partial(jax.random.fold_in, jax.random.key(0)))(seeds)
    return game.sample_latents(keys, truncation)
