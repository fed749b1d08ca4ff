"""Writes metrics.json: numbers of torch-fidelity, prdc and ProGAN's metrics, which test_metrics.py holds ours to.

    PYTHONPATH=PROGAN/metrics:... python tests/golden/metrics.py

It needs torch-fidelity 0.4.0 (https://pypi.org/project/torch-fidelity), prdc 0.2 (https://pypi.org/project/prdc), and
`sliced_wasserstein.py` and `ms_ssim.py` of https://github.com/tkarras/progressive_growing_of_gans/tree/master/metrics.
All of them draw from numpy's legacy generator, and so does the test. `draw` makes the inputs, for both.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

SEED = 2020
SUBSETS, SUBSET_SIZE = 7, 40  # of the kernel distance
SPLITS, NEIGHBOURS = 10, 4


def draw() -> dict[str, np.ndarray]:
    """Features and logits in float64, images in uint8 [n, h, w, c], from one seeded generator."""
    random = np.random.default_rng(SEED)
    mixing = random.normal(size=(8, 8))
    coarse = random.uniform(0, 255, (2, 6, 8, 8, 3)).repeat(4, axis=2).repeat(4, axis=3)  # both have large structures
    noise = random.normal(0, 1, (2, 6, 32, 32, 3)) * np.array([10, 25]).reshape(2, 1, 1, 1, 1)
    first, second = np.clip(coarse + noise, 0, 255).astype(np.uint8)
    return {
        "real": random.normal(size=(90, 8)) @ mixing,
        "fake": random.normal(0.4, 0.8, size=(70, 8)) @ mixing,
        "logits": random.normal(0, 3, size=(101, 12)),
        "images_real": first,
        "images_fake": second,
        "images_noisy": np.clip(first + random.normal(0, 40, first.shape), 0, 255).astype(np.uint8),
        "images_dark": (0.6 * first).astype(np.uint8),
    }


def main() -> None:
    """Runs the other implementations."""
    import torch
    from ms_ssim import msssim
    from prdc import compute_prdc
    from torch_fidelity import metric_fid, metric_isc, metric_kid, metric_prc

    arrays = draw()
    real, fake, logits = (torch.from_numpy(arrays[name]) for name in ("real", "fake", "logits"))
    statistics = (metric_fid.fid_features_to_statistics(features) for features in (fake, real))
    kid = {"kid_subsets": SUBSETS, "kid_subset_size": SUBSET_SIZE, "rng_seed": SEED, "verbose": False}
    prc = {"prc_neighborhood": NEIGHBOURS, "verbose": False}
    numbers = {
        "frechet": metric_fid.fid_statistics_to_metric(*statistics, verbose=False),
        "kernel": metric_kid.kid_features_to_metric(real, fake, **kid),
        "inception_score": metric_isc.isc_features_to_metric(logits, SPLITS, shuffle=False),
        "inception_score_shuffled": metric_isc.isc_features_to_metric(logits, SPLITS, shuffle=True, rng_seed=SEED),
        "precision_recall": metric_prc.prc_features_to_metric(fake, real, **prc),
        "prdc": {k: float(v) for k, v in compute_prdc(arrays["real"], arrays["fake"], NEIGHBOURS).items()},
        "sliced_wasserstein": sliced_wasserstein(arrays["images_real"], arrays["images_fake"]),
        "ms_ssim": [
            [float(msssim(a[None], b[None])) for a, b in zip(arrays["images_real"], arrays[other], strict=True)]
            for other in ("images_fake", "images_noisy", "images_dark")
        ],
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(numbers, indent=1) + "\n")


def sliced_wasserstein(real: np.ndarray, fake: np.ndarray) -> list[float]:
    """1000 times the distance of each level, finest first, then their mean."""
    from sliced_wasserstein import API

    np.random.seed(SEED)  # noqa: NPY002
    api = API(len(real), real.transpose(0, 3, 1, 2).shape[1:], np.uint8, len(real))
    descriptors = []
    for images in (real, fake):
        api.begin("fakes")
        api.feed("fakes", images.transpose(0, 3, 1, 2))
        descriptors.append(api.descriptors)
    # `end` would draw directions for the real side too, against itself.
    api.desc_real = [finalize(level) for level in descriptors[0]]
    api.descriptors = descriptors[1]
    return [float(value) for value in api.end("fakes")]


def finalize(level: list[np.ndarray]) -> np.ndarray:
    """Normalised descriptors of one level."""
    from sliced_wasserstein import finalize_descriptors

    return finalize_descriptors(level)


if __name__ == "__main__":
    main()
