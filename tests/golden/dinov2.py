"""Writes dinov2.json: what timm's ViT makes of drawn DINOv2 weights and three images, for tests/metrics/test_dinov2.py.

    pip install torch timm
    python tests/golden/dinov2.py

The network is narrow and shallow, its positions are those of 518-pixel images as in Meta's files. timm resamples
positions in its own way, so they are resampled here as in https://github.com/facebookresearch/dinov2 (dinov2/models/
vision_transformer.py, `interpolate_pos_encoding`; offset 0.1 and no antialiasing by dinov2/hub/backbones.py). Pixels
are prepared by Pillow as in https://github.com/layer6ai-labs/dgm-eval (dgm_eval/models/dinov2.py). It runs in float64
and once in float32: the difference is how far a correct float32 network is off.
"""

import json
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

FILE = Path(__file__).with_suffix(".json")
WIDTH, DEPTH, HEADS = 64, 2, 2
SIZES = ((224, 224), (32, 32), (300, 200))  # no resize, enlarged, reduced in one direction and enlarged in the other


def draw():
    """A state dict in Meta's naming, float32; large enough that a mistake in any part shows in the features."""
    shapes = {
        "cls_token": (1, 1, WIDTH),
        "pos_embed": (1, 1 + 37 * 37, WIDTH),
        "mask_token": (1, WIDTH),
        "patch_embed.proj.weight": (WIDTH, 3, 14, 14),
        "patch_embed.proj.bias": (WIDTH,),
        "norm.weight": (WIDTH,),
        "norm.bias": (WIDTH,),
    }
    for index in range(DEPTH):
        for name, shape in {
            "attn.qkv.weight": (3 * WIDTH, WIDTH),
            "attn.qkv.bias": (3 * WIDTH,),
            "attn.proj.weight": (WIDTH, WIDTH),
            "attn.proj.bias": (WIDTH,),
            "mlp.fc1.weight": (4 * WIDTH, WIDTH),
            "mlp.fc1.bias": (4 * WIDTH,),
            "mlp.fc2.weight": (WIDTH, 4 * WIDTH),
            "mlp.fc2.bias": (WIDTH,),
            **{f"{part}.{end}": (WIDTH,) for part in ("norm1", "norm2") for end in ("weight", "bias")},
            **{f"{part}.gamma": (WIDTH,) for part in ("ls1", "ls2")},
        }.items():
            shapes[f"blocks.{index}.{name}"] = shape
    return {name: _draw(name, shape) for name, shape in shapes.items()}


def _draw(name, shape):
    random = np.random.default_rng(zlib.crc32(name.encode()))
    if name.endswith(("gamma", "norm.weight", "norm1.weight", "norm2.weight")):
        return random.uniform(0.5, 1.5, shape).astype(np.float32)
    if name.endswith(".weight"):
        # Attention that prefers some tokens: queries and keys of deviation 2.
        gain = 2 if "qkv" in name else 1
        return random.normal(0, gain / np.prod(shape[1:]) ** 0.5, shape).astype(np.float32)
    return random.normal(0, 0.5, shape).astype(np.float32)


def images():
    """Waves with noise, uint8 [h, w, 3], one of each size; some pixels are at 0 and 255."""
    random = np.random.default_rng(2023)
    drawn = []
    for height, width in SIZES:
        y, x = np.mgrid[:height, :width] / 32.0
        waves = [np.sin(a * x + b * y + c) for a, b, c in random.uniform(-3, 3, (3, 3))]
        noisy = 128 + 110 * np.stack(waves, -1) + random.normal(0, 20, (height, width, 3))
        drawn.append(np.clip(np.round(noisy), 0, 255).astype(np.uint8))
    return drawn


def resize(image):
    """As torchvision's Resize with BICUBIC does to a PIL image, width first.

    Pillow 13 turns to the height first where that shrinks much more than the width
    (https://github.com/python-pillow/Pillow/pull/9549); one direction at a time is what every version does alike.
    """
    wide = Image.fromarray(image).resize((224, image.shape[0]), Image.Resampling.BICUBIC)
    return np.asarray(wide.resize((224, 224), Image.Resampling.BICUBIC))


def main():
    import timm
    import torch
    from timm.models.vision_transformer import VisionTransformer

    def resampled(positions):
        grid = positions[:, 1:].reshape(1, 37, 37, WIDTH).permute(0, 3, 1, 2)
        factor = float(16 + 0.1) / 37
        grid = torch.nn.functional.interpolate(grid, mode="bicubic", antialias=False, scale_factor=(factor, factor))
        return torch.cat([positions[:, :1], grid.permute(0, 2, 3, 1).reshape(1, -1, WIDTH)], dim=1)

    def run(dtype):
        weights = {name: torch.tensor(array, dtype=dtype) for name, array in draw().items() if name != "mask_token"}
        weights["pos_embed"] = resampled(weights["pos_embed"])
        network = VisionTransformer(
            img_size=224,
            patch_size=14,
            embed_dim=WIDTH,
            depth=DEPTH,
            num_heads=HEADS,
            init_values=1.0,
            num_classes=0,
            global_pool="token",
        )
        network.to(dtype).eval().load_state_dict(weights)
        pixels = torch.tensor(np.stack([resize(image) for image in images()]), dtype=dtype).permute(0, 3, 1, 2) / 255
        mean, deviation = (
            torch.tensor(values, dtype=dtype).reshape(1, 3, 1, 1)
            for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
        )
        with torch.no_grad():
            return network((pixels - mean) / deviation).double().numpy()

    exact, rounded = run(torch.float64), run(torch.float32)
    numbers = {
        "torch": torch.__version__,
        "timm": timm.__version__,
        "features": np.round(exact, 9).tolist(),
        "error": float(np.sqrt(np.square(rounded - exact).mean())),
    }
    FILE.write_text(json.dumps(numbers) + "\n")


if __name__ == "__main__":
    main()
