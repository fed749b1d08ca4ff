"""What was chosen for a run: the config, and each choice with its reason and the flag that changes it."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Sequence
from typing import Any, NamedTuple

from jgan.autoconfig.calls import Call, to_python
from jgan.config import PATHS, override
from jgan.data.config import DataConfig
from jgan.data.registry import absolute

REASON = 48  # characters of the table's column of reasons
COMMENT = 98  # and of a comment in the file
TITLE = '"""Chosen for the data and the machine named below. Every value may be changed here."""'
FIELDS = {"--steps": "stages[0].steps"}  # the field of a choice whose flag is not called as its field
FLAGGED = "The flags at the end of config.py win over the values before them: change them there, or take them out."
HEADER = ("", "chosen", "because", "to change it")


class Choice(NamedTuple):
    """One row of the table."""

    name: str
    value: str
    reason: str
    flag: str  # that changes it, with another value


class Plan(NamedTuple):
    """A config and why it is so."""

    family: str
    config: Call
    choices: tuple[Choice, ...]
    notes: tuple[str, ...]  # what to mind, in words

    def with_flags(self, flags: Sequence[str]) -> Plan:
        """The plan with flags such as "--config.seed=1" applied to its config, and said in its choices."""
        if not flags:
            return self
        given = dict(flag.removeprefix("--config.").split("=", 1) for flag in flags if "=" in flag)
        choices = tuple(
            choice._replace(value=given[field], reason=f"by --config.{field}, given or as the data need it")
            if (field := FIELDS.get(choice.flag, choice.flag.removeprefix("--config."))) in given
            else choice
            for choice in self.choices
        )
        config = Call(override, (self.config, list(flags)))
        return self._replace(config=config, choices=choices, notes=(*self.notes, FLAGGED))


def to_table(plan: Plan) -> str:
    """The choices as a table of fixed width, and the notes below it."""
    rows = [HEADER, *plan.choices]
    names, values = (max(len(row[column]) for row in rows) for column in (0, 1))
    lines = []
    for name, value, reason, flag in rows:
        first, *more = textwrap.wrap(reason, REASON) or [""]
        lines.append(f"  {name:<{names}}  {value:<{values}}  {first:<{REASON}}  {flag}".rstrip())
        lines += [" " * (names + values + 6) + line for line in more]
    return "\n".join(lines + [f"Note: {note}" for note in plan.notes])


def to_file(plan: Plan, command: str) -> str:
    """The config as a Python file; `command` is what made it."""
    texts = [command, *(f"{choice.name} {choice.value}: {choice.reason}" for choice in plan.choices), *plan.notes]
    comments = [line for text in texts for line in textwrap.wrap(text, COMMENT)]  # wrap() leaves no line break
    code = to_python(_with_whole_paths(plan.config), "Config")
    return "\n".join([TITLE, "", *(f"# {line}" for line in comments), "", code])


def _with_whole_paths(node: Any) -> Any:
    """The calls with the paths of data as they are meant in any folder, since the file may be copied anywhere."""
    if isinstance(node, Call):
        keywords = {name: _with_whole_paths(value) for name, value in node.keywords.items()}
        if node.function is DataConfig:
            keywords["source"] = absolute(keywords["source"])
        return dataclasses.replace(node, positional=_with_whole_paths(node.positional), keywords=keywords)
    if isinstance(node, tuple | list):
        return type(node)(_with_whole_paths(value) for value in node)
    field, _, value = str(node).removeprefix("--config.").partition("=")
    return f"--config.{field}={PATHS[field](value)}" if field in PATHS and value else node
