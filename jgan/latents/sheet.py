"""Sheets of images for people: rows and columns, each under or beside what it shows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from jgan.errors import printable
from jgan.types import UserError

FONT_SIZE, LINE = 12, 18  # pixels of the letters, and of their line
LEAST_SIDE = 64  # pixels of an image on a sheet; those of smaller ones are repeated
GAP = 2  # white pixels between images
MOST_MARGIN = 200  # pixels for the words beside rows
MOST_PIXELS = 2**28  # of a sheet


def check_sheet(rows: int, columns: int, shape: tuple[int, int, int], advice: str) -> None:
    """Raises UserError, with the advice, for a sheet of so many images [h, w, c] that few programs would open."""
    times = _times(shape)
    height, width = rows * (shape[0] * times + GAP), columns * (shape[1] * times + GAP)
    if height * width > MOST_PIXELS:
        raise UserError(
            f"a sheet of {rows:,} x {columns:,} images has {height * width / 1e6:,.0f} megapixels; {advice}"
        )


def draw_sheet(
    images: np.ndarray, columns: Sequence[str] = (), rows: Sequence[str] = (), corner: str = ""
) -> np.ndarray:
    """Images uint8 [rows, columns, h, w, c] on white, uint8 [height, width, c], with words above and beside them."""
    font = ImageFont.load_default(FONT_SIZE)
    count_rows, count_columns, *shape = images.shape
    times = _times(shape)
    high, wide = shape[0] * times, shape[1] * times
    left = min(MOST_MARGIN, 8 + round(max((font.getlength(row) for row in (*rows, corner)), default=-8)))
    top = LINE if columns or corner else 0
    size = top + count_rows * (high + GAP) + GAP, left + count_columns * (wide + GAP) + GAP
    sheet = np.full((*size, shape[2]), 255, np.uint8)
    words = Image.new("L", size[::-1], 255)
    draw = ImageDraw.Draw(words)
    draw.text((left - 4, top / 2), fit(corner, left - 4, font), fill=0, font=font, anchor="rm")
    for column, title in enumerate(columns):
        middle = left + GAP + column * (wide + GAP) + wide / 2
        draw.text((middle, top / 2), fit(title, wide, font), fill=0, font=font, anchor="mm")
    for row, title in enumerate(rows):
        middle = top + GAP + row * (high + GAP) + high / 2
        draw.text((left - 4, middle), fit(title, left - 8, font), fill=0, font=font, anchor="rm")
    sheet[..., : min(3, shape[2])] = np.asarray(words)[..., None]
    for row in range(count_rows):
        for column in range(count_columns):
            y, x = top + GAP + row * (high + GAP), left + GAP + column * (wide + GAP)
            sheet[y : y + high, x : x + wide] = images[row, column].repeat(times, axis=0).repeat(times, axis=1)
    return sheet


def fit(text: str, width: float, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """The text, or its beginning and two dots, in so many pixels."""
    text = printable(text)
    if font.getlength(text) <= width:
        return text
    kept = next((end for end in range(len(text), 0, -1) if font.getlength(f"{text[:end]}..") <= width), 0)
    return f"{text[:kept]}.." if kept else ""


def _times(shape: Sequence[int]) -> int:
    return max(1, -(-LEAST_SIDE // min(shape[0], shape[1])))
