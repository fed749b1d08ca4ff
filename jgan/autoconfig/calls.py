"""A config as the calls that make it: made of them, and written as a Python file, it is the same."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

WIDTH = 100  # characters of a line of the file


@dataclasses.dataclass(frozen=True)
class Call:
    """`function(*positional, **keywords)`; arguments are numbers, strings, tuples, lists and calls again."""

    function: Callable[..., Any]  # of a module, by its own name there
    positional: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    variable: str = ""  # what the file calls its result; "": it stands where it is needed

    @property
    def arguments(self) -> list[tuple[str, Any]]:
        """(name, value) in order; the name is empty where the value stands by its place."""
        return [("", value) for value in self.positional] + list(self.keywords.items())


def make(node: Any) -> Any:
    """What a call returns; anything else is itself."""
    if isinstance(node, Call):
        keywords = {name: make(value) for name, value in node.keywords.items()}
        return node.function(*map(make, node.positional), **keywords)
    return type(node)(map(make, node)) if isinstance(node, tuple | list) else node


def to_python(call: Call, returned: str) -> str:
    """Python that imports what it needs and has a function get_config(), annotated to return a `returned`."""
    calls = list(_calls(call))
    modules: dict[str, set[str]] = {}
    for each in calls:
        modules.setdefault(each.function.__module__, set()).add(each.function.__name__)
    lines = [f"from {module} import {', '.join(sorted(modules[module]))}" for module in sorted(modules)]
    lines += ["", "", f"def get_config() -> {returned}:", f'    """The {returned} of this run."""']
    for variable in dict.fromkeys(each.variable for each in calls if each.variable):
        named = next(each for each in calls if each.variable == variable)
        unnamed = dataclasses.replace(named, variable="")
        lines.append(f"    {variable} = {_expression(unnamed, 4, len(variable) + 3)}")
    lines.append(f"    return {_expression(call, 4, len('return '))}")
    return "\n".join(lines) + "\n"


def _calls(node: Any) -> Iterator[Call]:
    """All calls, those that others need before these."""
    if isinstance(node, Call):
        for _, value in node.arguments:
            yield from _calls(value)
        yield node
    elif isinstance(node, tuple | list):
        for value in node:
            yield from _calls(value)


def _expression(node: Any, indent: int, before: int) -> str:
    """The value as Python, in one line if it fits behind `before` characters, otherwise an argument a line."""
    if isinstance(node, Call) and node.variable:
        return node.variable
    if isinstance(node, Call):
        opening, closing, arguments = f"{node.function.__name__}(", ")", node.arguments
    elif isinstance(node, tuple | list):
        opening, closing = "()" if isinstance(node, tuple) else "[]"
        arguments = [("", value) for value in node]
    else:
        return _literal(node)
    parts = [(f"{name}=" if name else "") + _expression(value, 0, 0) for name, value in arguments]
    tail = "," if isinstance(node, tuple) and len(parts) == 1 else ""
    line = opening + ", ".join(parts) + tail + closing
    if "\n" not in line and indent + before + len(line) < WIDTH:
        return line
    inner = indent + 4
    parts = [(f"{name}=" if name else "") + _expression(value, inner, len(name) + 2) for name, value in arguments]
    return opening + "\n" + "".join(f"{' ' * inner}{part},\n" for part in parts) + " " * indent + closing


def _literal(value: Any) -> str:
    """As `repr`, with double quotes where the text has none."""
    text = repr(value)
    return f'"{text[1:-1]}"' if isinstance(value, str) and text[0] == "'" and '"' not in text else text
