"""Tables of groups of runs, for the screen, Markdown, CSV and the page."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import NamedTuple

from jgan.reports.groups import Group, Spread, Standing, notes, ranked_scores, standing, way_of
from jgan.reports.markup import plain
from jgan.terminal.bars import duration

NOTHING = "-"
DIFFERENTLY = "measured differently"
NOT_FINITE = "not finite"
EFFORT = ("finished", "time")
NOT_EVALUATED = "No finished run has scores from training (evaluations.jsonl), so there are none to compare."


class Table(NamedTuple):
    """A caption, the names of the columns, cells of text, and what to know when reading them."""

    caption: str
    header: list[str]
    rows: list[list[str]]
    notes: Sequence[str] = ()


def score_tables(groups: Sequence[Group]) -> list[Table]:
    """One table for each score, the most important first; without scores, one of times alone."""
    names = [name for name in ranked_scores(groups) if any(standing(group, name).runs for group in groups)]
    if not names:
        rows = [[_title(group), *_effort(group)] for group in groups]
        return [Table(NOT_EVALUATED, ["", *EFFORT], rows)]
    said = notes(groups)
    return [_score_table(groups, name, said) for name in names]


def _score_table(groups: Sequence[Group], name: str, said: Sequence[str]) -> Table:
    caption = f"{name} ({way_of(name)} is better; mean ± standard deviation over finished runs)"
    rows = []
    for group in groups:
        result = standing(group, name)
        cells = [_cell(result.final, result, group), _cell(result.best, result, group), _range(result.best_steps)]
        rows.append([_title(group), *cells, *_effort(group)])
    return Table(caption, ["", "final", "best", "best step", *EFFORT], rows, said)


def _title(group: Group) -> str:
    return f"{group.number}  {group.title}"


def _effort(group: Group) -> list[str]:
    """How many of the runs finished, and their mean time."""
    seconds = Spread.over([run.seconds for run in group.finished])
    time = NOTHING if seconds is None else duration(seconds.mean)
    return [f"{len(group.finished)} of {len(group.runs)}", time]


def _cell(spread: Spread | None, result: Standing, group: Group) -> str:
    if spread is None:
        return NOTHING if not result.runs else DIFFERENTLY if group.disagreement else NOT_FINITE
    if spread.runs == len(group.finished):
        return str(spread)
    return f"{spread} (only {spread.runs} {'finite' if spread.runs < result.runs else 'evaluated'})"


def _range(steps: Sequence[int]) -> str:
    if not steps:
        return NOTHING
    return str(steps[0]) if min(steps) == max(steps) else f"{min(steps)} to {max(steps)}"


def to_markdown(tables: Sequence[Table]) -> str:
    """A section for each table."""
    return "\n".join(_markdown(table) for table in tables)


def _markdown(table: Table) -> str:
    rows = [table.header, ["---"] * len(table.header), *table.rows]
    lines = ["| " + " | ".join(plain(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    said = [text for note in table.notes for text in (plain(note), "")]
    return "\n".join([f"**{plain(table.caption)}**", "", *lines, "", *said])


def to_screen(table: Table) -> str:
    """Columns side by side, under the caption; the notes below."""
    cells = [[plain(cell) for cell in row] for row in [table.header, *table.rows]]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return "\n".join([plain(table.caption), *lines, *map(plain, table.notes)])


def to_csv(groups: Sequence[Group]) -> str:
    """One row for each group and score, or for each group where there are none; numbers in full, times in seconds."""
    fields = list(dict.fromkeys(field for group in groups for field in group.values))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    figures = ("final_mean", "final_std", "best_mean", "best_std", "best_step_min", "best_step_max")
    writer.writerow(["group", *fields, "runs", "finished", "seconds_mean", "score", *figures, "measured_differently"])
    for group in groups:
        seconds = Spread.over([run.seconds for run in group.finished])
        values = [group.values.get(field, "") for field in fields]
        start = [group.title, *values, len(group.runs), len(group.finished), seconds.mean if seconds else ""]
        for name in ranked_scores(groups) or [""]:
            writer.writerow([*start, name, *_figures(group, name), group.disagreement or ""])
    return text.getvalue()


def _figures(group: Group, name: str) -> list[object]:
    if not name:
        return [""] * 6
    result = standing(group, name)
    spreads = [["", ""] if spread is None else [spread.mean, spread.std] for spread in (result.final, result.best)]
    steps = [min(result.best_steps), max(result.best_steps)] if result.best_steps else ["", ""]
    return [*spreads[0], *spreads[1], *steps]
