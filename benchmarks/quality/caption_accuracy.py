"""Whether a text run on the embedded digits generates what a caption says: digit, stroke weight, slant, and all three.

    python benchmarks/quality/caption_accuracy.py --workdir runs/text_digits --sheet docs/images/text_digits.png

Each of the 90 captions is sampled `--of-each` times. A classifier trained on nine tenths of the digits reads which
digit it is; weight and slant are measured as for the captions (jgan/data/digit_captions.py), at 28 x 28 pixels, to
which the images are resized. Beside them: real digits that the classifier has not seen, at the run's resolution and
back, by the captions of the originals - what a perfect generator would reach. Variety is the mean distance of two
images of one caption, as a share of that of two real digits of that caption.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from jgan import config as configs
from jgan.command import enable_compilation_cache
from jgan.data.digit_captions import DIGITS, SLANTS, WEIGHTS, caption, measured
from jgan.data.registry import open_source
from jgan.inference.sampling import Sampler, latent_game
from jgan.inference.weights import Weights, read_vocabulary, restore_generator
from jgan.metrics.class_scores import hold_out
from jgan.metrics.classifier import Classifier, fit, predict, train_classifier
from jgan.types import UserError

MEASURED = 28  # pixels of a side, at which captions were measured
HELD_OUT = 0.1
SHEET = ((7, 0, 1), (7, 2, 1), (3, 0, 0), (3, 2, 2), (4, 1, 0), (4, 1, 2), (0, 0, 2), (0, 2, 0), (5, 0, 1), (8, 2, 2))
SHEET_COLUMNS, TILE, MARGIN = 12, 32, 156


class Asked(NamedTuple):
    """What images should show: digit, place in WEIGHTS, place in SLANTS, int [n] each."""

    digits: np.ndarray
    weights: np.ndarray
    slants: np.ndarray


def main() -> None:
    """Prints the table, and saves the sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workdir", type=Path, required=True, help="a run of configs/text_digits.py")
    parser.add_argument("--of-each", type=int, default=20, help="images of a caption (default 20)")
    parser.add_argument("--sheet", type=Path, help="a PNG, rows are captions (default: none)")
    parser.add_argument("--raw", action="store_true", help="the trained weights, not their average")
    options = parser.parse_args()
    enable_compilation_cache()
    drawn, asked, step = draw(options.workdir, options.of_each, options.raw)
    source = open_source("mnist5k")
    images, labels = np.stack([source.read(i)[0] for i in range(source.count)]), source.labels  # pyright: ignore
    split = hold_out(images, labels, HELD_OUT, np.random.default_rng(0))
    resolution = drawn.shape[1]
    classifier = train_classifier(
        images[split.train], labels[split.train], len(DIGITS), resolution=resolution, channels=1, seed=0
    )
    all_asked = Asked(labels, *measured(images[..., 0], labels))
    real = fit(images, resolution, 1)
    unseen = Asked(*(values[split.test] for values in all_asked))
    print(f"step {step}, {len(drawn)} images of {len(set(zip(*asked, strict=True)))} captions, {resolution} px")
    print("| | digit | stroke weight | slant | all three |\n| --- | --- | --- | --- | --- |")
    print(row("generated", classifier, drawn, asked))
    print(row(f"{len(split.test)} real, unseen", classifier, real[split.test], unseen))
    print("| by chance | 10.0% | 33.3% | 33.3% | 1.1% |")
    print(f"variety within a caption: {variety(drawn, asked) / variety(real, all_asked):.2f} of real digits'")
    if options.sheet is not None:
        sheet(drawn, asked).save(options.sheet, optimize=True)


def draw(workdir: Path, of_each: int, raw: bool) -> tuple[np.ndarray, Asked, int]:
    """Images uint8 [90 of_each, r, r, 1] of all captions, what they are asked to show, and the run's step."""
    config = configs.load(workdir)
    game, vocabulary = latent_game(config, "--workdir"), read_vocabulary(workdir)
    places = list(itertools.product(range(len(DIGITS)), range(len(WEIGHTS)), range(len(SLANTS))))
    captions = np.stack([vocabulary.encode(caption(*place), "a caption") for place in places])
    captions, asked = np.repeat(captions, of_each, axis=0), np.repeat(places, of_each, axis=0)
    generator, step = restore_generator(config, workdir, Weights(raw))
    batches = Sampler(game, config.stages, 100)(generator, step, captions, len(captions), seed=0)
    images = np.concatenate([batch for batch, _ in batches])
    if images.shape[-1] != 1:
        raise UserError(f"--workdir={workdir}: generates {images.shape[-1]} channels; expected gray digits")
    return images, Asked(*asked.T), step


def row(title: str, classifier: Classifier, images: np.ndarray, asked: Asked) -> str:
    """A line of the table: shares of images that show what was asked for."""
    weights, slants = measured(fit(images, MEASURED, 1)[..., 0], asked.digits)
    read = predict(classifier, images).argmax(axis=1)
    right = np.stack([read == asked.digits, weights == asked.weights, slants == asked.slants])
    shares = [*right.mean(axis=1), right.all(axis=0).mean()]
    return f"| {title} | {' | '.join(f'{share:.1%}' for share in shares)} |"


def variety(images: np.ndarray, asked: Asked) -> float:
    """Mean over captions of the mean distance of two images, pixels in [0, 1]."""
    found = []
    for place in set(zip(*asked, strict=True)):
        chosen = np.all(np.stack(asked) == np.array(place)[:, None], axis=0)
        flat = images[chosen][:20].reshape(chosen[chosen][:20].size, -1) / 255.0
        distances = np.linalg.norm(flat[:, None] - flat[None], axis=-1)
        found.append(distances.sum() / (len(flat) * (len(flat) - 1)))
    return float(np.mean(found))


def sheet(images: np.ndarray, asked: Asked) -> Image.Image:
    """Some captions, each beside its first images."""
    picture = Image.new("L", (MARGIN + SHEET_COLUMNS * (TILE + 2), len(SHEET) * (TILE + 2)), 255)
    pen = ImageDraw.Draw(picture)
    for place, wanted in enumerate(SHEET):
        top = place * (TILE + 2)
        pen.text((4, top + TILE // 2 - 5), caption(*wanted), fill=0)
        chosen = images[np.all(np.stack(asked) == np.array(wanted)[:, None], axis=0)][:SHEET_COLUMNS, ..., 0]
        for column, image in enumerate(chosen):
            picture.paste(Image.fromarray(image).resize((TILE, TILE)), (MARGIN + column * (TILE + 2), top))
    return picture


if __name__ == "__main__":
    main()
