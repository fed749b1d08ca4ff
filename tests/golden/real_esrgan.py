"""Makes real_esrgan.json: how Real-ESRGAN's own inference fills up images of odd sizes, before its network sees them.

    pip install torch opencv-python numpy; pip install --no-deps realesrgan==0.3.0
    PYTHONPATH=BasicSR python tests/golden/real_esrgan.py

BasicSR (https://github.com/XPixelGroup/BasicSR) is only imported; `RealESRGANer.pre_process` needs nothing of it.
"""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np

FILE = Path(__file__).with_name("real_esrgan.json")
CASES = {"scale 2": (2, 5, 7), "scale 2, one side even": (2, 6, 7), "scale 1": (1, 6, 9), "scale 4": (4, 5, 7)}


def make_image(height, width):
    """[h, w, 1] float32, every pixel another number."""
    return np.arange(height * width, dtype=np.float32).reshape(height, width, 1)


def main():
    from realesrgan.utils import RealESRGANer

    filled = {}
    for name, (scale, *size) in CASES.items():
        its = SimpleNamespace(scale=scale, pre_pad=0, mod_scale=None, half=False, device="cpu")
        RealESRGANer.pre_process(its, make_image(*size))
        filled[name] = its.img[0, 0].numpy().astype(int).tolist()
    FILE.write_text(json.dumps(filled) + "\n")


if __name__ == "__main__":
    main()
