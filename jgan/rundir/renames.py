"""Names that run directories made by earlier versions hold, and what they are called now: one table, old to new."""

from __future__ import annotations

from typing import Any

TYPE = "type"  # the JSON key that holds a dataclass's name
NEW_NAMES = {
    "jgan.optim.AdamConfig": "jgan.engine.optim.AdamConfig",
    "jgan.optim.EmaConfig": "jgan.engine.optim.EmaConfig",
    "jgan.optim.RMSpropConfig": "jgan.engine.optim.RMSpropConfig",
}


def with_new_names(data: Any) -> Any:
    """The JSON data of a config, with the names of its types as they are today; nothing else is changed or checked."""
    if isinstance(data, list):
        return [with_new_names(item) for item in data]
    if not isinstance(data, dict):
        return data
    renamed = {name: with_new_names(value) for name, value in data.items()}
    if isinstance(renamed.get(TYPE), str):
        renamed[TYPE] = NEW_NAMES.get(renamed[TYPE], renamed[TYPE])
    return renamed
