"""What the files of a checkpoint claim, looked at before Orbax and TensorStore make room for it."""

from __future__ import annotations

import math
from pathlib import Path

import tensorstore

from jgan.untrusted.fields import check_fields, list_of, matching, whole
from jgan.untrusted.json_data import MAX_JSON_BYTES, parse_json

CHUNKS = "d"  # folders of TensorStore's own files; all others are descriptions, which are read whole
MOST_SIDE, MOST_AXES = 2**40, 32
_SIDES = list_of(whole(0, MOST_SIDE), MOST_AXES)
_ARRAY = {"shape": _SIDES, "chunks": _SIDES, "dtype": matching(r"[a-zA-Z0-9<>|_]{1,20}", "a type of numbers")}


def check_descriptions(directory: Path) -> None:
    """Raises ValueError where a file of a checkpoint that is read whole is larger than any that was written."""
    for path in directory.rglob("*"):
        if path.parent.name != CHUNKS and path.is_file() and (size := path.stat().st_size) > MAX_JSON_BYTES:
            name = path.relative_to(directory)
            raise ValueError(f"{name} has {size:,} bytes; expected at most {MAX_JSON_BYTES:,}")


def check_arrays(directory: Path, most: int) -> None:
    """Raises ValueError where an array of a checkpoint claims more than `most` elements, or blocks larger than itself.

    TensorStore makes room for a whole block before it reads one.
    """
    stored = tensorstore.KvStore.open({"driver": "ocdbt", "base": f"file://{directory.absolute()}/"}).result()
    for key in stored.list().result():
        if not key.endswith(b"/.zarray"):
            continue
        name = key.removesuffix(b"/.zarray").decode(errors="replace")
        array = check_fields(parse_json(stored[key]), _ARRAY, others=True)
        elements, block = (math.prod(array[field]) for field in ("shape", "chunks"))
        if elements > most or block > max(elements, 1):
            claimed = f"shape {array['shape']} in blocks of {array['chunks']}"
            raise ValueError(f"{name}: claims {claimed}; the whole state has {most:,} numbers")
