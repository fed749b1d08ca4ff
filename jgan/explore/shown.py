"""Pictures and messages as the page shows them."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from jgan.errors import in_python, one_line
from jgan.explore.offline import gr
from jgan.reports.markup import Markup, element
from jgan.reports.sections import data_uri
from jgan.types import UserError


def as_png(image: np.ndarray) -> bytes:
    """A PNG of an image uint8 [h, w, 1, 3 or 4]."""
    png = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(png, format="PNG")
    return png.getvalue()


def as_rgb(image: np.ndarray) -> np.ndarray:
    """An image uint8 [h, w, c] as components of Gradio take it: three channels, or four."""
    return np.repeat(image, 3, axis=-1) if image.shape[-1] == 1 else image


def picture(image: np.ndarray, text: object) -> Markup:
    """An image [h, w, c] in the page itself, and what it shows in words."""
    return element("img", src=data_uri("png", as_png(image)), alt=str(text))


def nothing(text: str) -> Markup:
    """In place of an image that is not there."""
    return element("div", text, class_="nothing")


def note(text: object) -> Markup:
    """A line that is read out when it changes."""
    return element("p", text, class_="faint", role="status")


def refusal(error: UserError) -> Markup:
    """What is wrong, in one line."""
    return element("p", one_line(in_python(str(error))), class_="bad", role="alert")


def refusing(outputs: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """For functions of the page with so many outputs, the last of which is a line.

    A UserError is told there, and the other outputs stay as they are.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def told(*given: Any) -> Any:
            try:
                return function(*given)
            except UserError as error:
                return (*[gr.skip() for _ in range(outputs - 1)], refusal(error))

        return told

    return decorate
