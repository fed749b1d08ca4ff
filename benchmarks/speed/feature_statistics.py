"""One computation on two sets of features in a process of its own, so that its peak of memory is its own.

    python benchmarks/speed/feature_statistics.py TASK real.npy fake.npy

Prints one line of JSON: seconds, peak memory in bytes beyond what the process held with the features loaded, and
result. benchmarks/speed/metrics.py runs it. Only the task's own libraries are imported, before the clock starts.
"""

from __future__ import annotations

import functools
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from jgan.engine.allocator import keep_memory
from jgan.metrics.frechet import frechet_distance
from jgan.metrics.kernel import full_kernel_distance, kernel_distance
from jgan.metrics.manifold import manifold_scores
from jgan.metrics.moments import Moments

Task = Callable[[np.ndarray, np.ndarray], object]


def frechet_jgan() -> Task:
    def run(real: np.ndarray, fake: np.ndarray) -> float:
        a, b = Moments.of(real), Moments.of(fake)
        return frechet_distance(a.mean, a.covariance, b.mean, b.covariance)

    return run


def frechet_pytorch_fid() -> Task:
    """calculate_activation_statistics and calculate_frechet_distance, without their checks.

    https://github.com/mseitzer/pytorch-fid/blob/master/src/pytorch_fid/fid_score.py keeps features in float64.
    """
    from scipy.linalg import sqrtm

    def run(real: np.ndarray, fake: np.ndarray) -> float:
        (mu1, sigma1), (mu2, sigma2) = (
            (np.mean(features, axis=0), np.cov(features, rowvar=False))
            for features in (real.astype(np.float64), fake.astype(np.float64))
        )
        diff = mu1 - mu2
        covmean = np.real(sqrtm(sigma1.dot(sigma2)))
        return float(diff.dot(diff) + np.trace(sigma1) + np.trace(sigma2) - 2 * np.trace(covmean))

    return run


def covariance_error() -> Task:
    """Largest difference of the streamed covariance from np.cov's, as a share of the two standard deviations."""

    def run(real: np.ndarray, fake: np.ndarray) -> float:
        del fake
        ours, theirs = Moments.of(real).covariance, np.cov(real.astype(np.float64), rowvar=False)
        deviations = np.sqrt(np.diagonal(theirs))
        return float(np.max(np.abs(ours - theirs) / np.outer(deviations, deviations)))

    return run


def kernel_jgan() -> Task:
    return lambda real, fake: kernel_distance(real, fake, np.random.default_rng(0))


def kernel_torch_fidelity() -> Task:
    import torch  # pyright: ignore[reportMissingImports]
    from torch_side import kid_features_to_metric  # pyright: ignore[reportAttributeAccessIssue]

    return lambda real, fake: kid_features_to_metric(torch.from_numpy(real), torch.from_numpy(fake), verbose=False)


def full_kernel_jgan() -> Task:
    return full_kernel_distance


def manifold_jgan() -> Task:
    return manifold_scores


def manifold_torch_fidelity() -> Task:
    import torch  # pyright: ignore[reportMissingImports]
    from torch_side import prc_features_to_metric  # pyright: ignore[reportAttributeAccessIssue]

    theirs = functools.partial(prc_features_to_metric, save_cpu_ram=True, verbose=False)
    return lambda real, fake: theirs(torch.from_numpy(fake), torch.from_numpy(real))


TASKS = {
    "frechet-jgan": frechet_jgan,
    "frechet-pytorch-fid": frechet_pytorch_fid,
    "covariance-error": covariance_error,
    "kernel-jgan": kernel_jgan,
    "kernel-torch-fidelity": kernel_torch_fidelity,
    "full_kernel-jgan": full_kernel_jgan,
    "manifold-jgan": manifold_jgan,
    "manifold-torch-fidelity": manifold_torch_fidelity,
}


def main() -> None:
    name, *paths = sys.argv[1:]
    if name.endswith("-jgan"):
        keep_memory()  # as every command of jgan does; the others run as they come
    task = TASKS[name]()
    real, fake = map(np.load, paths)
    before = peak_memory()
    start = time.perf_counter()
    result = task(real, fake)
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "peak": peak_memory() - before, "result": result}))


def peak_memory() -> int:
    """Bytes of this program's largest resident set so far. (getrusage's also knows that of the program before exec.)"""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return 1024 * int(line.split()[1])
    raise RuntimeError("/proc/self/status has no VmHWM: memory can be measured on Linux only")


if __name__ == "__main__":
    main()
