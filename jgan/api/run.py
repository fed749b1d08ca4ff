"""A run directory as an object: sampling, translating, measuring, reading what it logged."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jgan import config as configs
from jgan.api.arguments import checked
from jgan.api.directions import DirectionTools
from jgan.api.exporting import Exporting
from jgan.api.latents import LatentTools
from jgan.api.projection import Projecting
from jgan.configuration.ranges import check_count, check_seed
from jgan.engine.memory import check_host_bytes
from jgan.evaluation.images import Chosen
from jgan.evaluation.measure import Metrics, measure
from jgan.inference.arrays import ArrayTranslator, ImageLike
from jgan.inference.generator import Generator, latents_of, open_generator
from jgan.inference.given_captions import encode_captions, given_in_python
from jgan.inference.one_image import TILE, TILE_OF_UPSCALING, Tiles
from jgan.inference.samples import NUM, RunSampler, Sampling, captions_in_rows, labels_in_turn
from jgan.inference.sampling import latent_game
from jgan.inference.translator import Translator, open_upscaler
from jgan.inference.weights import NEWEST, Weights, read_numbering, read_vocabulary
from jgan.latents.space import LatentSpace
from jgan.photos.programs import Sizes
from jgan.rundir.checkpoints import newest_step
from jgan.rundir.columns import read_columns
from jgan.rundir.monitor import EVALUATIONS
from jgan.rundir.paths import given_path
from jgan.types import PyTree, UserError


class Run(Exporting, LatentTools, DirectionTools, Projecting):
    """A run directory: its config, what it computed, and its generator.

    Weights are the averaged (EMA) ones of the newest checkpoint; with `raw` the trained ones, with `best` those of the
    best checkpoint (`evaluate_every`), with `step` those of the checkpoint of a step. They are read once.
    """

    def __init__(self, workdir: Path) -> None:
        self.workdir, self.config = workdir, configs.load(workdir)
        if newest_step(workdir) is None:
            raise UserError(f"{workdir}: no checkpoint yet; train first")
        self._sampler = functools.cache(functools.partial(RunSampler, self.config, workdir))
        self._generator = functools.cache(functools.partial(open_generator, self.config, workdir))
        self._space = functools.cache(functools.partial(LatentSpace, self.config, workdir))
        self._translators: dict[tuple, Translator] = {}
        self._sizes = Sizes()

    def __repr__(self) -> str:
        return f"<jgan run {str(self.workdir)!r}: {type(self.config.game).__name__}, step {newest_step(self.workdir)}>"

    @property
    def metrics(self) -> dict[str, np.ndarray]:
        """The columns of metrics.jsonl, "step", "generator/loss", ...; nan where a line has no such number."""
        return read_columns(self.workdir / "metrics.jsonl")

    @property
    def evaluations(self) -> dict[str, np.ndarray]:
        """The columns of evaluations.jsonl (`evaluate_every`), "step", "averaged/fd_efficientnet_lite0", ..."""
        return read_columns(self.workdir / EVALUATIONS)

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """The name of each class, in the order of their numbers; None where the run knows of none."""
        return read_numbering(self.workdir).names

    @property
    def generator(self) -> Generator:
        """A pure function that JAX can trace: `run.generator(latents, labels)`, float32 [n, h, w, c] in [-1, 1]."""
        return self._generator(NEWEST)

    @property
    def variables(self) -> PyTree:
        """The weights of `generator`: {"params": ..., "batch_stats": ...}."""
        return self._generator(NEWEST).variables

    @property
    def step(self) -> int:
        """The step of the checkpoint that `generator` is read from."""
        return self._generator(NEWEST).step

    @checked
    def restore(self, *, raw: bool = False, best: bool = False, step: int | None = None) -> Generator:
        """The generator with other weights than the newest averaged ones.

        Raises:
          UserError: there is no such checkpoint.
        """
        return self._generator(Weights(raw, best, step))

    @checked
    def latents(self, num: int, *, seed: int = 0, truncation: float | None = None) -> np.ndarray:
        """The latents float32 [num, z] of the images that `sample` gives for this seed.

        Raises:
          UserError: the run does not start from latents, or they cannot be truncated so.
        """
        check_count("--num", num)
        check_seed(seed)
        game = latent_game(self.config, "latents", truncation)
        check_host_bytes(4 * num * game.latent_dim, f"--num={num}: so many latents", "ask for fewer at once")
        return latents_of(game, num, seed, truncation)

    @checked
    def sample(
        self,
        num: int | None = None,
        *,
        labels: Sequence[int | str] | None = None,
        captions: Sequence[str] | np.ndarray | None = None,
        seed: int = 0,
        truncation: float | None = None,
        truncation_cutoff: int | None = None,
        standing_batches: int = 0,
        batch_size: int = 64,
        raw: bool = False,
        best: bool = False,
        step: int | None = None,
    ) -> np.ndarray:
        """Images uint8 [num, h, w, c] (64 without `num`), the same as `jgan sample` writes.

        Image i depends on `seed`, i and its label alone. `labels`, names or numbers as in `class_names`, are taken in
        turn, without them all classes. Of `captions`, words or vectors [m, features], come `num` images each (8 without
        it), [m * num, h, w, c]. `truncation_cutoff` are the first layers of a StyleGAN, which alone are truncated.

        Raises:
          UserError: settings that the run does not allow, or no such checkpoint.
        """
        weights = Weights(raw, best, step)
        sampling = Sampling(
            seed, truncation, truncation_cutoff, standing_batches=standing_batches, batch_size=batch_size
        )
        check_count("--num", num)
        sampler = self._sampler()
        encoded = self._encoded(captions, weights)
        if encoded is None:
            num = num or NUM
            numbering = functools.partial(read_numbering, self.workdir, weights)
            return sampler.sample(labels_in_turn(sampler.game, labels, num, numbering), num, sampling, weights)
        if labels is not None:
            raise UserError("labels: this run generates images from captions, it has no classes to choose")
        condition = captions_in_rows(encoded, num)
        return sampler.sample(condition, len(condition), sampling, weights)

    @checked
    def encode(self, captions: Sequence[str]) -> np.ndarray:
        """Captions as `generator` takes them, word ids int32 [m, words]. Raises UserError for an unknown word."""
        encoded = self._encoded(captions, NEWEST)
        assert encoded is not None, "refused otherwise"
        return encoded

    @checked
    def translate(
        self,
        image: ImageLike,
        *,
        direction: str | None = None,
        mask: ImageLike | None = None,
        tile: int | None = None,
        overlap: int | None = None,
        seed: int = 0,
        raw: bool = False,
        best: bool = False,
        step: int | None = None,
    ) -> np.ndarray:
        """What an image-to-image run generates from an image of any size, as `jgan translate` writes it.

        `image` is an array uint8, or floats in [-1, 1], [h, w], [h, w, c] or [n, h, w, c]; an image of Pillow; or a
        file. The result is a uint8 array of the same rank, [h, w, c] of the last two. `direction` is "a_to_b" or
        "b_to_a" of a run between two domains, `mask` is white (or true) where inpainting is to fill. Images larger than
        `tile` go through in overlapping tiles.

        Raises:
          UserError: the run does not translate, or arguments that it does not take.
        """
        weights = Weights(raw, best, step)
        key = (weights, direction, seed)
        if key not in self._translators:
            made = Translator(self.config, self.workdir, weights, direction=direction, seed=seed)
            self._translators[key] = made
        translate = ArrayTranslator(self._translators[key], self._sizes)
        return translate(image, mask, Tiles(tile, overlap, TILE))

    @checked
    def upscale(
        self,
        image: ImageLike,
        *,
        tile: int | None = None,
        overlap: int | None = None,
        raw: bool = False,
        best: bool = False,
        step: int | None = None,
    ) -> np.ndarray:
        """An image enlarged by a run of super-resolution, as `jgan upscale` writes it; images are those of `translate`.

        Raises:
          UserError: the run does not enlarge images, or arguments that it does not take.
        """
        weights = Weights(raw, best, step)
        if (weights, "upscale") not in self._translators:
            self._translators[weights, "upscale"] = open_upscaler(self.config, self.workdir, weights)
        enlarge = ArrayTranslator(self._translators[weights, "upscale"], self._sizes)
        return enlarge(image, None, Tiles(tile, overlap, TILE_OF_UPSCALING))

    @checked
    def evaluate(
        self,
        metrics: Sequence[str] = ("fd", "kd", "pr"),
        *,
        reference: str | Path | None = None,
        num_samples: int | None = None,
        num_reference: int | None = None,
        features: str | None = None,
        weights: str | Path | None = None,
        classifier: str | Path | None = None,
        dtype: str | None = None,
        seed: int = 0,
        truncation: float | None = None,
        standing_batches: int = 0,
        direction: str | None = None,
        raw: bool = False,
        best: bool = False,
        out: str | Path | None = None,
    ) -> dict[str, float]:
        """Scores by name, {"fd_efficientnet_lite0": 31.4, ...}, as `jgan evaluate` computes them.

        `reference` is a folder or a source, and the run's own data without it; the other arguments are named as the
        command's flags. With `out`, a directory, eval.json and nearest.png are written there.

        Raises:
          UserError: a metric, a network or data that cannot be used.
        """
        chosen = Chosen(
            workdir=self.workdir,
            reference=None if reference is None else str(reference),
            num_samples=num_samples,
            num_reference=num_reference,
            seed=seed,
            truncation=truncation,
            standing_batches=standing_batches,
            direction=direction,
            weights=Weights(raw, best),
        )
        wanted = Metrics(tuple(metrics), features, _path(weights), _path(classifier), dtype)
        scores = measure(chosen, wanted, _path(out))["scores"]
        return {name: float(value) for name, value in scores.items()}

    def _encoded(self, captions: Sequence[str] | np.ndarray | None, weights: Weights) -> np.ndarray | None:
        vocabulary = functools.partial(read_vocabulary, self.workdir, weights)
        return encode_captions(self._sampler().game, given_in_python(captions), vocabulary)


def _path(value: str | Path | None) -> Path | None:
    return None if value is None else given_path(value)
