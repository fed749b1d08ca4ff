"""A run's progress as one moving picture, of its grids of samples."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from jgan.rundir.atomic_files import replacing
from jgan.untrusted.images import read_picture

MOST_FRAMES = 60  # chosen evenly from the first to the last
MOST_SIDE = 640  # pixels; larger grids are made smaller
MILLISECONDS, LAST_MILLISECONDS = 150, 2500  # that a frame, and the last one, stay
CAPTION_SIZE, CAPTION_HEIGHT = 12, 18  # pixels of the text above a frame, and of its row
NAME = "progress.gif"


def grids(directory: Path) -> list[tuple[int, Path]]:
    """The grids of samples in a folder of a run, with their steps, from the first on."""
    named = [(re.fullmatch(r"samples_(\d+)\.png", path.name), path) for path in directory.iterdir()]
    return sorted((int(match[1]), path) for match, path in named if match)


def write_progress(workdir: Path) -> Path | None:
    """Writes samples/progress.gif of the run's grids, whole or not at all; None of fewer than two.

    At most MOST_FRAMES, each under its step and with a palette of its own. Grids of the stages of a growing network are
    enlarged, by repeated pixels, towards the largest one's size.

    Raises:
      UserError: a grid cannot be read, or the file cannot be written.
    """
    directory = workdir / "samples"
    found = grids(directory) if directory.is_dir() else []
    if len(found) < 2:
        return None
    places = np.unique(np.linspace(0, len(found) - 1, min(len(found), MOST_FRAMES)).round().astype(int))
    chosen = [(step, _read(path)) for step, path in (found[place] for place in places)]
    width, height = (max(image.size[axis] for _, image in chosen) for axis in (0, 1))
    frames = [_frame(image, f"step {step:,}", width, height) for step, image in chosen]
    durations = [MILLISECONDS] * (len(frames) - 1) + [LAST_MILLISECONDS]
    path = directory / NAME
    with replacing(path) as partial:
        frames[0].save(
            partial, format="GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0, disposal=1
        )
    return path


def _read(path: Path) -> Image.Image:
    image = read_picture(path, "RGBA")
    paper = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(paper, image).convert("RGB")


def _frame(image: Image.Image, caption: str, width: int, height: int) -> Image.Image:
    """The grid in the middle of `width` x `height` white pixels, under its caption, in 256 colors of its own."""
    times = min(width // image.width, height // image.height)
    image = image.resize((image.width * times, image.height * times), Image.Resampling.NEAREST)
    whole = Image.new("RGB", (width, height), "white")
    whole.paste(image, ((width - image.width) // 2, (height - image.height) // 2))
    whole.thumbnail((MOST_SIDE, MOST_SIDE), Image.Resampling.LANCZOS)
    frame = Image.new("RGB", (whole.width, whole.height + CAPTION_HEIGHT), "white")
    frame.paste(whole, (0, CAPTION_HEIGHT))
    draw = ImageDraw.Draw(frame)
    draw.text((4, CAPTION_HEIGHT / 2), caption, fill="black", font=ImageFont.load_default(CAPTION_SIZE), anchor="lm")
    return in_palette(frame)


def in_palette(frame: Image.Image) -> Image.Image:
    """An RGB image in 256 colors of its own, as GIF has them."""
    # The median cut would give a rare color, such as that of one street, to its neighbours: 111 levels off, here 10.
    return frame.quantize(256, method=Image.Quantize.MAXCOVERAGE, kmeans=3)
