"""The record beside a checkpoint's state: what each of its fields may hold."""

from __future__ import annotations

import math
from typing import Any

from jgan.rundir.atomic_files import as_number
from jgan.untrusted.fields import (
    Rule,
    anything,
    check_fields,
    each,
    fields_of,
    list_of,
    map_of,
    number,
    one_of,
    optional,
    text,
    whole,
)
from jgan.untrusted.json_data import check_depth

MOST, MOST_ELEMENTS = 2**31 - 1, 2**40
ARRAYS = ("images", "labels", "captions", "inputs", "targets", "images_a", "images_b")  # of a batch, see types.Batch
_DTYPE = one_of("float32", "int32", "uint8")


def _fits_batch(value: Any) -> bool:
    """Whether it says shape and type of each array of a batch."""
    shape = list_of(whole(1, MOST), 8)
    known = map_of(each(shape, _DTYPE), len(ARRAYS)).fits(value) and set(value) <= set(ARRAYS)
    return known and all(math.prod(sizes) <= MOST_ELEMENTS for sizes, _ in value.values())


# What a record holds; one written by a later version may hold more.
_NUMBER = Rule(lambda value: type(as_number(value)) in (int, float), "a number")
_WINDOW = {"start": whole(0, MOST), "values": map_of(list_of(_NUMBER, MOST), 10_000)}
_WORDS = {"words": list_of(text(), 2**24), "length": whole(1, 128)}
_CLASSES = {"names": optional(list_of(text(), 2**20)), "earlier": one_of(True, False)}
_EVALUATION = {"score": text(), "settings": map_of(anything(), 1000), "value": number()}
RECORD_FIELDS = {
    "window": fields_of(_WINDOW),
    "rollbacks": whole(0, MOST),
    "data": text(),
    "data_count": whole(0, MOST_ELEMENTS),
    "batches": list_of(Rule(_fits_batch, "the shapes of a batch"), 1000),
    "captions": optional(fields_of(_WORDS)),
    "classes": fields_of(_CLASSES),
    "evaluation": fields_of(_EVALUATION),
    "config": optional(Rule(lambda value: isinstance(value, dict), "a config, as config.json has it")),
    "step": whole(0, MOST),
}
MAY_LACK = {"captions", "classes", "data_count", "evaluation", "config", "step"}


def checked_record(record: Any, step: int) -> dict[str, Any]:
    """The record; raises ValueError, naming the field, where it is not one, or that of another step."""
    try:
        check_depth(record)
        checked = check_fields(record, RECORD_FIELDS, may_lack=MAY_LACK, others=True)
    except ValueError as error:
        raise ValueError(f"its record: {error}") from None
    if checked.get("step", step) != step:
        raise ValueError(f"it is the checkpoint of step {checked['step']}, under another number")
    return checked
