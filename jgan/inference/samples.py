"""A run's images by class or by caption, as `sample` writes them and as Python gets them."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from jgan.config import Config
from jgan.configuration.ranges import check_count, check_seed
from jgan.data.classes import Numbering, numbers_of
from jgan.engine.memory import check_host_bytes
from jgan.games.latent import LatentGAN
from jgan.inference.sampling import Sampler, check_standing_batches, classes_in_turn, latent_game
from jgan.inference.weights import Weights, restore_generator
from jgan.terminal import bars
from jgan.types import PixelBatch, UserError

NUM = 64  # images, where nobody says how many
OF_A_CAPTION = 8  # images of each caption, where nobody says how many


@dataclasses.dataclass(frozen=True)
class Sampling:
    """How images are sampled, whatever they show."""

    seed: int = 0
    truncation: float | None = None  # of normal latents, or of styles
    truncation_cutoff: int | None = None  # the first layers, which alone are truncated; None: as the run has it
    standing_batches: int = 0  # whose batch statistics stand in for the running ones; 0: none do
    batch_size: int = 64

    def check(self) -> None:
        """Raises UserError for a number out of range."""
        check_count("--batch_size", self.batch_size)
        check_standing_batches(self.standing_batches, self.batch_size)
        if self.truncation_cutoff is not None and self.truncation is None:
            raise UserError(
                f"--truncation_cutoff={self.truncation_cutoff}: nothing is truncated; give --truncation too"
            )
        check_seed(self.seed)


def labels_in_turn(
    game: LatentGAN, labels: Sequence[str | int] | None, num: int, numbering: Callable[[], Numbering]
) -> np.ndarray | None:
    """The label of every image, int32 [num]: those of `labels`, names or numbers, or all classes, again and again.

    None for an unconditional game.

    Raises:
      UserError: such a game is given labels, or one of them is not a class.
    """
    if not game.num_classes:
        if labels is not None:
            raise UserError("--labels: this run is unconditional (num_classes=0), it has no classes to choose")
        return None
    if labels is None:
        return classes_in_turn(game, num)
    numbers = numbers_of(labels, numbering().names, game.num_classes, "--labels")
    return np.resize(np.asarray(numbers, np.int32), num)


def captions_in_rows(captions: np.ndarray, num: int | None) -> np.ndarray:
    """Each caption `num` times, or as often as nobody says. Raises UserError where they do not fit the memory."""
    num = num or OF_A_CAPTION
    check_count(f"--num={num} of each of {len(captions)} captions: images", num * len(captions))
    check_host_bytes(num * captions.nbytes, f"--num={num}: captions of so many images", "ask for fewer at once")
    return np.repeat(captions, num, axis=0)


class RunSampler:
    """Samples from one run; weights and compiled programs stay for the next call."""

    def __init__(self, config: Config, workdir: Path) -> None:
        """Raises UserError where the run does not generate images from latents."""
        self.game, self._config = latent_game(config, "--workdir"), config
        self.restore = functools.cache(functools.partial(restore_generator, config, workdir))
        self._samplers: dict[tuple[float | None, int | None, int], Sampler] = {}

    def sample(self, condition: np.ndarray | None, num: int, sampling: Sampling, weights: Weights) -> np.ndarray:
        """Images uint8 [num, h, w, c]; image i is of the class or the caption `condition[i]`. Raises as `batches`."""
        pixels = self._config.stages[-1].resolution ** 2 * (self._config.data.channels or 1)
        check_host_bytes(num * pixels, f"--num={num}: so many images", "ask for fewer at once, or take jgan sample")
        with images_bar(num, 0, sampling) as bar:
            images = []
            for batch, _ in self.batches(condition, num, sampling, weights):
                images.append(batch)
                bar.update(len(batch))
        return np.concatenate(images)

    def batches(
        self, condition: np.ndarray | None, num: int, sampling: Sampling, weights: Weights, first: int = 0
    ) -> Iterator[PixelBatch]:
        """The same images batch by batch, from the `first` on.

        Raises:
          UserError: settings that the run does not allow, or no such checkpoint.
        """
        sampling.check()
        game, cutoff = latent_game(self._config, "--workdir", sampling.truncation), sampling.truncation_cutoff
        game = game if cutoff is None else game.with_truncation_cutoff(cutoff)
        if sampling.standing_batches and self.game.captions != "none":
            raise UserError("--standing_batches: these are statistics over all captions, which only evaluate has")
        generator, step = self.restore(weights)
        key = (sampling.truncation, cutoff, sampling.batch_size)
        if key not in self._samplers:
            self._samplers[key] = Sampler(game, self._config.stages, sampling.batch_size, sampling.truncation)
        sampler = self._samplers[key]
        if sampling.standing_batches:
            classes = classes_in_turn(self.game, self.game.num_classes)
            generator = sampler.with_standing_statistics(
                generator, step, classes, sampling.standing_batches, sampling.seed
            )
        return sampler(generator, step, condition, num, sampling.seed, first)


def images_bar(num: int, first: int, sampling: Sampling) -> bars.Bar:
    """The bar of so many images, of which the `first` are there; few need none."""
    return bars.bar(total=num, initial=first, unit="image", disable=num < 10 * sampling.batch_size)
