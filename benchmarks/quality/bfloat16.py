"""How far --dtype bfloat16 moves features and Frechet distances, on real images.

    python benchmarks/quality/bfloat16.py --source folder:cifar10/train --features efficientnet_lite0

Takes 2 x --count random images of the source, computes their features in both types, and prints the Frechet distance
between the two halves in each type, the speed, and how far the features are apart.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from jgan.command import enable_compilation_cache
from jgan.data.registry import open_source
from jgan.evaluation.collect import SourceImages
from jgan.metrics.extractors import BATCH_SIZE, EXTRACTORS, Extractor
from jgan.metrics.frechet import frechet_distance
from jgan.metrics.moments import Moments
from jgan.types import DTYPES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", required=True, help="as data.source of a config; images of one size")
    parser.add_argument("--features", default="efficientnet_lite0", choices=EXTRACTORS)
    parser.add_argument("--weights", type=Path, help="as of jgan evaluate")
    parser.add_argument("--count", type=int, default=1000, help="images of each half")
    options = parser.parse_args()
    enable_compilation_cache()
    images = SourceImages(open_source(options.source), 2 * options.count, form=None)
    features = {}
    for dtype in DTYPES:
        features[dtype], speed = compute(EXTRACTORS[options.features](options.weights, dtype), images)
        halves = np.split(features[dtype], 2)
        print(f"{dtype}: Frechet distance of the halves {distance(*halves):.6g}, {speed:.1f} images/s")
    exact, rounded = (features[dtype].astype(np.float64) for dtype in DTYPES)
    error, deviation = np.linalg.norm(rounded - exact), np.linalg.norm(exact - exact.mean(0))
    print(f"bfloat16's features are off by {error / np.linalg.norm(exact):.3g} of their size,")
    print(f"{error / deviation:.3g} of their deviation, a Frechet distance of {distance(exact, rounded):.3g}")


def compute(extractor: Extractor, images: SourceImages) -> tuple[np.ndarray, float]:
    """Features [n, d], and images a second of the median batch."""
    variables = jax.device_put(extractor.variables)
    parts, seconds = [], []
    for pixels, _ in tqdm(images.batches(), total=-(-images.count // BATCH_SIZE), desc=extractor.dtype, unit="batch"):
        start = time.perf_counter()
        parts.append(np.asarray(extractor.apply(variables, jnp.asarray(pixels))["pool"]))
        seconds.append(time.perf_counter() - start)
    return np.concatenate(parts), BATCH_SIZE / float(np.median(seconds))


def distance(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Frechet distance between features [n, d]."""
    a, b = Moments.of(ours), Moments.of(theirs)
    return frechet_distance(a.mean, a.covariance, b.mean, b.covariance)


if __name__ == "__main__":
    main()
