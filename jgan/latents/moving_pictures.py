"""Frames as a film: MP4 (H.264, as browsers play it), GIF or animated WebP, by the ending of the name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from jgan.rundir.animation import in_palette
from jgan.rundir.atomic_files import replacing_shared, writing
from jgan.rundir.new_directories import making_directory
from jgan.types import UserError

ENDINGS = (".mp4", ".gif", ".webp")
RESAMPLING = {"nearest": Image.Resampling.NEAREST, "bicubic": Image.Resampling.BICUBIC}
USUAL_WIDTH = 256  # pixels that small frames are enlarged to at least
MOST_WIDTH = 4096  # what players decode
MOST_FPS = {".mp4": 120, ".gif": 50, ".webp": 120}  # browsers slow faster GIFs down


def check_film(path: Path, fps: int) -> None:
    """Raises UserError where such a film cannot be written: frames a second out of range, or PyAV is not installed."""
    ending = path.suffix.lower()
    if not 1 <= fps <= MOST_FPS.get(ending, 120):
        raise UserError(f"--fps={fps}: expected 1 to {MOST_FPS.get(ending, 120)} frames a second of {ending}")
    if ending == ".mp4":
        try:
            import av  # noqa: F401
        except ImportError:
            raise UserError(
                f"--out={path}: MP4 needs PyAV; install it by pip install 'jgan[video]', or take .gif or .webp"
            ) from None


def film_size(shape: tuple[int, int, int], width: int | None) -> tuple[int, int]:
    """(width, height) of frames of images [h, w, c]; without a width, small ones are enlarged by a whole number.

    Raises:
      UserError: images would be made smaller, or larger than players take.
    """
    high, wide, _ = shape
    width = width or wide * max(1, -(-USUAL_WIDTH // wide))
    height = round(width * high / wide)
    if width < wide or max(width, height) > max(MOST_WIDTH, wide, high):
        raise UserError(f"--size={width}: expected a width from {wide}, that of the images, to {MOST_WIDTH}")
    return width, height


def write_film(path: Path, images: np.ndarray, size: tuple[int, int], fps: int, resampling: str) -> None:
    """Writes images uint8 [frames, h, w, c], enlarged to `size`, whole or not at all; transparent ones on white.

    Raises:
      UserError: the file cannot be written.
    """
    kind = RESAMPLING[resampling]
    frames = [_rgb(image).resize(size, kind) if image.shape[1::-1] != size else _rgb(image) for image in images]
    with making_directory(path.parent, "--out"), replacing_shared(path) as whole, writing(path):
        if path.suffix.lower() == ".mp4":
            _write_mp4(whole, frames, fps)
        elif path.suffix.lower() == ".webp":
            _write_pillow(whole, "WEBP", frames, fps, quality=90)
        else:
            _write_pillow(whole, "GIF", [in_palette(frame) for frame in frames], fps, disposal=1)


def _write_pillow(path: Path, kind: str, frames: Sequence[Image.Image], fps: int, **settings: int) -> None:
    first, *others = frames
    duration = round(1000 / fps)  # milliseconds
    first.save(path, format=kind, save_all=True, append_images=others, duration=duration, loop=0, **settings)


def _write_mp4(path: Path, frames: Sequence[Image.Image], fps: int) -> None:
    """H.264 with half the resolution of colours, the only one that browsers play; so sides are even."""
    import av

    width, height = (side + side % 2 for side in frames[0].size)
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as film:
        stream = film.add_stream("libx264", rate=fps, options={"crf": "16"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for frame in frames:
            pixels = np.asarray(frame)
            missing = (0, height - pixels.shape[0]), (0, width - pixels.shape[1]), (0, 0)
            film.mux(stream.encode(av.VideoFrame.from_ndarray(np.pad(pixels, missing, "edge"), format="rgb24")))
        film.mux(stream.encode())


def _rgb(image: np.ndarray) -> Image.Image:
    if image.shape[-1] == 1:
        return Image.fromarray(image[..., 0]).convert("RGB")
    if image.shape[-1] == 3:
        return Image.fromarray(image)
    shown = Image.fromarray(image)
    return Image.alpha_composite(Image.new("RGBA", shown.size, "white"), shown).convert("RGB")
