"""Makes clean_fid.npz: what clean-fid's own resize makes of images with and without sharp edges.

    pip install clean-fid==0.1.35 torch torchvision
    python tests/golden/clean_fid.py

`make_images` makes the inputs, for the test too; of each resized image the pixels at `places()` are kept.
"""

from pathlib import Path

import numpy as np

FILE = Path(__file__).with_name("clean_fid.npz")
SIDE = 299


def make_images():
    """uint8 [h, w, 3] by name: smaller, larger, not square, of the network's own size, and black beside white."""
    random = np.random.default_rng(0)
    sharp = lambda *shape: (random.integers(0, 2, (*shape, 3)) * 255).astype(np.uint8)  # noqa: E731
    return {
        "noise_larger": random.integers(0, 256, (400, 350, 3), dtype=np.uint8),
        "sharp_smaller": sharp(32, 32),
        "sharp_larger": sharp(512, 512),
        "sharp_wide": sharp(40, 500),
        "sharp_equal": sharp(SIDE, SIDE),
        "half": np.repeat(np.repeat(np.array([[[0] * 3, [255] * 3]], np.uint8), 64, axis=0), 32, axis=1),
        "one_pixel": np.array([[[0, 128, 255]]], np.uint8),
    }


def places():
    """Rows and columns of 400 pixels, the corners among them."""
    rows, columns = np.random.default_rng(1).integers(0, SIDE, (2, 400))
    rows[:4], columns[:4] = [0, 0, SIDE - 1, SIDE - 1], [0, SIDE - 1, 0, SIDE - 1]
    return rows, columns


def main():
    from cleanfid.resize import build_resizer

    resize = build_resizer("clean")
    np.savez_compressed(FILE, **{name: resize(image)[places()] for name, image in make_images().items()})


if __name__ == "__main__":
    main()
