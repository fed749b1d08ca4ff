"""HTML that cannot be injected into: text becomes markup in `element` alone, which escapes it."""

from __future__ import annotations

import html
from typing import Any

from jgan.rundir.atomic_files import as_json

VOID = {"img", "meta", "source"}  # have no end tag


class Markup(str):
    """Text that is HTML already; every other string is escaped where it meets a page."""

    __slots__ = ()


def element(tag: str, *children: object, **attributes: str) -> Markup:
    """`<tag attributes>children</tag>`. Children are Markup, or anything whose `str` is shown as it is.

    Attribute names are written with `_` for `-` and with a trailing `_` where Python has the word: `class_`.
    """
    names = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
    opened = "".join([tag, *(f' {name}="{html.escape(plain(value))}"' for name, value in names.items())])
    return Markup(f"<{opened}>" if tag in VOID else f"<{opened}>{join(*children)}</{tag}>")


def join(*children: object) -> Markup:
    """Children of no element of their own."""
    return Markup("".join(child if isinstance(child, Markup) else html.escape(plain(child)) for child in children))


def as_text(value: Any) -> str:
    """A value of JSON data for people."""
    return value if isinstance(value, str) else as_json(value, indent=None)


def plain(text: object) -> str:
    """One line of what can be printed: control characters move a terminal's cursor, surrogates have no bytes."""
    return "".join(character if character.isprintable() else " " for character in str(text))
