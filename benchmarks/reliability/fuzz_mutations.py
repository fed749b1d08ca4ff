"""Valid data with a few things wrong in them: JSON by its structure, text, and bytes, as strategies of hypothesis."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[Any]], Any]

CANARY = "canary.png"  # lies beside the folder in which an input may read and write


class Raw(str):
    """Text that stands in JSON as it is."""


NUMBERS = (0, -1, 1, 2, 3, 7, 0.5, -0.0, 1e-300, 1e300, 255, 256, 2**31 - 1, 2**31, 2**53, 2**63 - 1, 2**63, 10**25)
TEXTS = ("", "x", "1", "nan", "inf", ".", "..", f"../{CANARY}", f"work/../../{CANARY}", "/", "C:\\x", "~nobody", "a\0b")
TEXTS += ("\x1b[31m\r\nERROR", "\u202e", "\ud800", "é", "-1", "--out", "a,b", "{0}", "%s", "x" * 300, "x" * 20_000)
ODD = (None, True, False, *NUMBERS, *(-n for n in NUMBERS[6:]), *TEXTS, [], {}, [[]], [0], {"": None})
ODD += (Raw("NaN"), Raw("-Infinity"), Raw("1e999"), Raw("9" * 5000), Raw("-" + "9" * 5000), Raw("[" * 5000))
ODD += (Raw("[" * 100 + "]" * 100), Raw("01"), Raw("'x'"), Raw(""), {"type": "os.system"}, {"type": "jgan.types.Stage"})


def to_json(value: Any) -> str:
    """As json.dumps, but that Raw stands as it is and an object's key that ends in Raw's mark may be there twice."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(str(key))}: {to_json(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(to_json, value)) + "]"
    return json.dumps(value)


class _Twice(str):
    """A key that another object's key equals in JSON alone."""

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other


@st.composite
def edited(draw: Draw, document: Any) -> Any:
    """The document with one to three edits, each somewhere in it."""
    value = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, 3))):
        value = _edit(draw, value)
    return value


def _edit(draw: Draw, value: Any) -> Any:
    """The value, or one somewhere below it, changed."""
    if isinstance(value, dict | list) and value and draw(st.integers(0, 5)):
        places = list(value) if isinstance(value, dict) else range(len(value))
        place = draw(st.sampled_from(places))
        how = draw(st.integers(0, 9))
        if how == 0:
            del value[place]
        elif how == 1 and isinstance(value, dict):
            value[_Twice(place)] = value[place]
        elif how == 1 and isinstance(value, list):
            value.insert(place, copy.deepcopy(value[place]))
        elif how == 2 and isinstance(value, dict):
            value[draw(st.sampled_from(TEXTS))] = value.pop(place)
        elif how == 3:
            value[place] = draw(st.sampled_from([copy.deepcopy(value[other]) for other in places]))
        else:
            value[place] = _edit(draw, value[place])
        return value
    return _replaced(draw, value)


def _replaced(draw: Draw, value: Any) -> Any:
    """Another value in its place: near it, of another type, or odd."""
    how = draw(st.integers(0, 9))
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if how == 0:
        return [value]
    if how == 1:
        return {"type": value} if isinstance(value, str) else str(value)
    if how == 2 and number:
        return float(value) if isinstance(value, int) else round(value) if abs(value) < 2**60 else 0
    if how in (2, 3) and isinstance(value, str):
        return value + draw(st.sampled_from(TEXTS))
    if how in (3, 4, 5) and number:
        return draw(st.sampled_from((value + 1, -value, value * 2, value * 1000, value / 3)))
    return copy.deepcopy(draw(st.sampled_from(ODD)))


@st.composite
def damaged(draw: Draw, data: bytes) -> bytes:
    """The bytes with one to four changes: bits, numbers, parts gone, doubled or moved, the end cut off."""
    content = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, max(0, len(content) - 1)))
        length = draw(st.sampled_from((1, 2, 4, 8, 30, 200)))
        how = draw(st.integers(0, 8))
        if how <= 2 and content:
            content[start] ^= 1 << draw(st.integers(0, 7))
        elif how == 3 and content:
            content[start] = draw(st.integers(0, 255))
        elif how == 4:
            number = draw(st.sampled_from((0, 1, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1)))
            size, order = draw(st.sampled_from((2, 4, 8))), draw(st.sampled_from(("little", "big")))
            content[start : start + size] = (number % 2 ** (8 * size)).to_bytes(size, order)
        elif how == 5:
            del content[start : start + length]
        elif how == 6:
            content[start:start] = content[start : start + length]
        elif how == 7:
            content[start:start] = draw(st.binary(max_size=8))
        else:
            del content[start:]
    return bytes(content)


def texts(text: str) -> st.SearchStrategy[bytes]:
    """The text damaged, or in another encoding."""
    encodings = ("utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1", "utf-7")
    whole = st.sampled_from([text.encode(encoding, "replace") for encoding in encodings])
    return st.one_of(damaged(text.encode()), damaged(text.encode()), whole)


def json_files(*documents: Any) -> st.SearchStrategy[bytes]:
    """Bytes of JSON files that are nearly one of the documents."""
    parts = [edited(document).map(_encoded) for document in documents]
    return st.one_of(*parts, *parts, *parts, *(texts(json.dumps(document)) for document in documents))


def json_lines(lines: Sequence[Any]) -> st.SearchStrategy[bytes]:
    """Bytes of .jsonl files: a line edited, lines left out, or text damaged."""
    whole = [to_json(line) for line in lines]

    def joined(parts: list[Any]) -> bytes:
        return "".join(f"{to_json(part)}\n" for part in parts).encode("utf-8", "surrogatepass")

    structured = edited(list(lines)).map(lambda data: joined(data if isinstance(data, list) else [data]))
    return st.one_of(structured, structured, structured, texts("\n".join(whole) + "\n"))


def tables(rows: Sequence[Sequence[str]]) -> st.SearchStrategy[bytes]:
    """Bytes of CSV files: cells edited, rows gone or doubled, or text damaged."""

    def joined(parts: Any) -> bytes:
        lines = [",".join(map(str, row)) if isinstance(row, list) else str(row) for row in parts]
        return ("\n".join(lines) + "\n").encode("utf-8", "surrogatepass")

    structured = edited([list(row) for row in rows]).map(
        lambda data: joined(data if isinstance(data, list) else [data])
    )
    return st.one_of(structured, structured, texts("\n".join(map(",".join, rows)) + "\n"))


def _encoded(value: Any) -> bytes:
    return to_json(value).encode("utf-8", "surrogatepass")
