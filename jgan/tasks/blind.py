"""Unknown degradations for super-resolution: Real-ESRGAN's chain (Wang et al. 2021, https://arxiv.org/abs/2107.10833).

Section 3: blur, resize, noise and JPEG, all twice and of random strength, then a sinc filter that rings. On the host,
where JPEG is the real one; choices and ranges are those of options/train_realesrgan_x4plus.yml of
https://github.com/xinntao/Real-ESRGAN. Each image samples its own, where the authors sample some once for a batch.
"""

from __future__ import annotations

import dataclasses
import math

import cv2
import numpy as np
from scipy import special

KERNEL_SIZES = range(7, 22, 2)
SHAPES = ("gaussian", "generalized", "plateau")
SHAPE_SHARES = (0.70, 0.15, 0.15)
ISOTROPIC_SHARES = {"gaussian": 0.45 / 0.70, "generalized": 0.12 / 0.15, "plateau": 0.12 / 0.15}
EXPONENTS = {"generalized": (0.5, 4.0), "plateau": (1.0, 2.0)}
SINC_SHARE, FINAL_SINC_SHARE = 0.1, 0.8
FILTERS = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC)
GRAY_NOISE_SHARE = 0.4
QUALITIES = (30, 95)  # of JPEG


@dataclasses.dataclass(frozen=True)
class Round:
    """The strengths of one of the two rounds."""

    blur_share: float
    deviations: tuple[float, float]  # of the blur, pixels
    sizes: tuple[float, float, float]  # shares of enlarging, reducing and keeping
    factors: tuple[float, float]  # smallest and largest
    noise: tuple[float, float]  # Gaussian, gray levels
    poisson: tuple[float, float]  # times that of light


FIRST = Round(1.0, (0.2, 3.0), (0.2, 0.7, 0.1), (0.15, 1.5), (1.0, 30.0), (0.05, 3.0))
SECOND = Round(0.8, (0.2, 1.5), (0.3, 0.4, 0.3), (0.3, 1.2), (1.0, 25.0), (0.05, 2.5))


def degrade_blindly(image: np.ndarray, scale: int, rng: np.random.Generator) -> np.ndarray:
    """A colour image uint8 [h, w, 3] to [h / scale, w / scale, 3], uint8; its sides divide by the scale."""
    height, width = image.shape[:2]
    final = width // scale, height // scale
    x = image.astype(np.float32) / 255
    x = _jpeg(_noisy(_resized(_blurred(x, FIRST, rng), (width, height), FIRST, rng), FIRST, rng), rng)
    x = _noisy(_resized(_blurred(x, SECOND, rng), final, SECOND, rng), SECOND, rng)
    ringing = _sinc_kernel(rng) if rng.random() < FINAL_SINC_SHARE else None
    if rng.random() < 0.5:
        return _to_bytes(_jpeg(_filtered(_to_size(x, final, rng), ringing), rng))
    return _to_bytes(_filtered(_to_size(_jpeg(x, rng), final, rng), ringing))


def _blurred(x: np.ndarray, strength: Round, rng: np.random.Generator) -> np.ndarray:
    if rng.random() >= strength.blur_share:
        return x
    return _filtered(x, _sinc_kernel(rng) if rng.random() < SINC_SHARE else _kernel(strength.deviations, rng))


def _kernel(deviations: tuple[float, float], rng: np.random.Generator) -> np.ndarray:
    """A Gaussian, one with another exponent, or one with a flat top; round or along a random axis."""
    shape = str(rng.choice(SHAPES, p=SHAPE_SHARES))
    along = rng.uniform(*deviations)
    across = along if rng.random() < ISOTROPIC_SHARES[shape] else rng.uniform(*deviations)
    angle = rng.uniform(-math.pi, math.pi)
    x, y = _coordinates(rng)
    u, v = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
    distance = (u / along) ** 2 + (v / across) ** 2
    if shape == "gaussian":
        weights = np.exp(-0.5 * distance)
    else:
        low, high = EXPONENTS[shape]
        exponent = rng.uniform(low, 1.0) if rng.random() < 0.5 else rng.uniform(1.0, high)
        powers = distance**exponent
        weights = np.exp(-0.5 * powers) if shape == "generalized" else 1.0 / (powers + 1.0)
    return weights / weights.sum()


def _sinc_kernel(rng: np.random.Generator) -> np.ndarray:
    """The ideal low-pass filter of a random cut-off frequency (equation 6): its edges ring."""
    x, y = _coordinates(rng)
    lowest = math.pi / 3 if len(x) < 13 else math.pi / 5
    cutoff, radius = rng.uniform(lowest, math.pi), np.hypot(x, y)
    weights = cutoff * special.j1(cutoff * radius) / (2 * math.pi * np.maximum(radius, 1e-9))
    weights[radius == 0] = cutoff**2 / (4 * math.pi)
    return weights / weights.sum()


def _coordinates(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Columns and rows of a kernel of random size, 0 in the middle."""
    half = int(rng.choice(KERNEL_SIZES)) // 2
    x, y = np.meshgrid(np.arange(-half, half + 1.0), np.arange(-half, half + 1.0))
    return x, y


def _filtered(x: np.ndarray, kernel: np.ndarray | None) -> np.ndarray:
    return x if kernel is None else cv2.filter2D(x, -1, kernel.astype(np.float32), borderType=cv2.BORDER_REFLECT_101)


def _resized(x: np.ndarray, base: tuple[int, int], strength: Round, rng: np.random.Generator) -> np.ndarray:
    """By a random factor of the base size (width, height)."""
    low, high = strength.factors
    way = rng.choice(3, p=strength.sizes)
    factor = (rng.uniform(1.0, high), rng.uniform(low, 1.0), 1.0)[way]
    return _to_size(x, (max(1, round(factor * base[0])), max(1, round(factor * base[1]))), rng)


def _to_size(x: np.ndarray, size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    return cv2.resize(x, size, interpolation=FILTERS[rng.integers(len(FILTERS))])


def _noisy(x: np.ndarray, strength: Round, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise, or that of counted light; the same in all colours at times."""
    gray = rng.random() < GRAY_NOISE_SHARE
    if rng.random() < 0.5:
        shape = (*x.shape[:2], 1) if gray else x.shape
        noise = rng.normal(0.0, rng.uniform(*strength.noise) / 255, shape)
    else:
        clean = np.clip(x, 0.0, 1.0)
        clean = cv2.cvtColor(clean, cv2.COLOR_RGB2GRAY)[..., None] if gray else clean
        levels = 2.0 ** math.ceil(math.log2(max(2, len(np.unique(np.rint(clean * 255))))))
        noise = rng.uniform(*strength.poisson) * (rng.poisson(clean * levels) / levels - clean)
    return np.clip(x + noise, 0.0, 1.0).astype(np.float32)


def _jpeg(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    quality = int(rng.integers(QUALITIES[0], QUALITIES[1] + 1))
    _, data = cv2.imencode(".jpg", _to_bytes(x)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None, "it has just been encoded"
    return decoded[..., ::-1].astype(np.float32) / 255


def _to_bytes(x: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(x, 0.0, 1.0) * 255).astype(np.uint8)
