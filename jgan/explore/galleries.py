"""Rows of small images to choose from, by clicking or by keyboard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from jgan.explore.offline import gr
from jgan.types import UserError

Item = TypeVar("Item")


def gallery(name: str, columns: int, **options: Any) -> Any:
    """Images with a line below each; a choice is an event, which `chosen` reads."""
    return gr.Gallery(
        label=name,
        show_label=False,
        columns=columns,
        format="png",
        allow_preview=False,
        interactive=False,
        object_fit="contain",
        height="auto",
        buttons=[],
        elem_classes="pixels",
        **options,
    )


def chosen(items: Sequence[Item], event: Any) -> Item:
    """The item of a choice. Raises UserError where there is none."""
    index = event.index
    if not isinstance(index, int) or not 0 <= index < len(items):
        raise UserError("nothing is chosen; choose an image")
    return items[index]
