"""How far a generator that computes in bfloat16 is from itself in float32: images, and Frechet distance.

    python benchmarks/quality/rounded_generator.py --workdir runs/stylegan2_small [--count 1000]

Generates --count images of the same latents in both types, with the same weights, and prints how far pixels are apart,
and the Frechet distance between the two sets. Beside it, for scale, is that between sets of other latents in float32.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from jgan import config as configs
from jgan.command import enable_compilation_cache
from jgan.inference.sampling import Sampler, classes_in_turn, latent_game
from jgan.inference.weights import restore_generator
from jgan.metrics.extractors import BATCH_SIZE, EXTRACTORS, Extractor
from jgan.metrics.frechet import frechet_distance
from jgan.metrics.moments import Moments
from jgan.types import DTYPES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workdir", type=Path, required=True, help="a run of latents whose generator has a dtype")
    parser.add_argument("--features", default="efficientnet_lite0", choices=EXTRACTORS)
    parser.add_argument("--count", type=int, default=1000)
    options = parser.parse_args()
    enable_compilation_cache()
    extractor = EXTRACTORS[options.features](None, "float32")
    images = {dtype: generate(options.workdir, dtype, options.count, seed=0) for dtype in DTYPES}
    features = {dtype: compute(extractor, made) for dtype, made in images.items()}
    others = compute(extractor, generate(options.workdir, "float32", options.count, seed=1))
    apart = np.abs(images["bfloat16"].astype(int) - images["float32"])
    print(f"pixels, of 255: {apart.mean():.3f} apart in the mean, {apart.max()} at most")
    print(f"Frechet distance, bfloat16 from float32, same latents: {distance(*features.values()):.4g}")
    print(f"Frechet distance, float32, other latents: {distance(features['float32'], others):.4g}")


def generate(workdir: Path, dtype: str, count: int, seed: int) -> np.ndarray:
    """Images uint8 [count, h, w, c] by the EMA weights of the newest checkpoint."""
    config = configs.load(workdir)
    game = latent_game(config, "--workdir")
    player, step = restore_generator(config, workdir)
    rounded = dataclasses.replace(game, generator=dataclasses.replace(game.generator, dtype=dtype))  # pyright: ignore
    sampler = Sampler(rounded, config.stages, 64)
    batches = sampler(player, step, classes_in_turn(game, count), count, seed)
    images = np.concatenate([batch for batch, _ in tqdm(batches, total=-(-count // 64), desc=dtype, unit="batch")])
    return np.repeat(images, 3, axis=-1) if images.shape[-1] == 1 else images[..., :3]


def compute(extractor: Extractor, images: np.ndarray) -> np.ndarray:
    """Features [n, d]."""
    variables = jax.device_put(extractor.variables)
    starts = range(0, len(images), BATCH_SIZE)
    return np.concatenate(
        [np.asarray(extractor.apply(variables, jnp.asarray(images[at : at + BATCH_SIZE]))["pool"]) for at in starts]
    )


def distance(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Frechet distance between features [n, d]."""
    a, b = Moments.of(ours), Moments.of(theirs)
    return frechet_distance(a.mean, a.covariance, b.mean, b.covariance)


if __name__ == "__main__":
    main()
