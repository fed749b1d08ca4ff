"""The sections of the report, from the summary to the events."""

from __future__ import annotations

import base64
import collections
import json
from collections.abc import Iterator, Sequence
from typing import Any

from jgan.config import flatten_data
from jgan.reports.groups import Group, side_figures
from jgan.reports.markup import Markup, as_text, element, join
from jgan.reports.offline import Result
from jgan.reports.runs import Run
from jgan.reports.tables import NOTHING, Table, score_tables
from jgan.rundir.animation import write_progress
from jgan.rundir.atomic_files import as_json
from jgan.rundir.pictures import curve_color, read_thumbnail
from jgan.terminal.bars import duration
from jgan.types import UserError
from jgan.untrusted.bounded_read import read_file

MOVING_BYTES = 2 * 2**20  # of a run's progress in the page, at most
PICTURE_SIDE = 640  # pixels of a sample grid on the page, at most


def all_sections(groups: Sequence[Group], plots: Markup) -> Iterator[Markup]:
    """Heading and content, in the order of the page."""
    yield from _section("Summary", _summary(groups))
    yield from _section("Runs", _runs(groups))
    yield from _section("Curves", plots)
    yield from _section("Samples", _samples(groups))
    yield from _section("Where the configs differ", _differences(groups))
    if any(run.offline for _, run in _each(groups)):
        yield from _section("Measured after training (eval.json)", _offline(groups))
    yield from _section("Environment", _environments(groups))
    yield from _section("Events", _events(groups))


def _section(title: str, content: Markup) -> list[Markup]:
    return [element("h2", title), content]


def _each(groups: Sequence[Group]) -> list[tuple[Group, Run]]:
    return [(group, run) for group in groups for run in group.runs]


def counts(groups: Sequence[Group]) -> str:
    """How many runs, and how many of each status: "6 runs: 5 finished, 1 failed"."""
    statuses = collections.Counter(run.status for _, run in _each(groups))
    total = statuses.total()
    return f"{total} run{'s' * (total != 1)}: " + ", ".join(f"{count} {status}" for status, count in statuses.items())


def data_uri(kind: str, data: bytes) -> str:
    """A picture's bytes as an address that needs no request."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _summary(groups: Sequence[Group]) -> Markup:
    first, *others = score_tables(groups)
    parts = [_table(first, groups)]
    if others:
        summary = element("summary", f"{len(others)} more scores")
        parts.append(element("details", summary, *[_table(table, groups) for table in others]))
    if names := side_figures(groups):
        parts.append(element("p", f"Also in evaluations.jsonl, and not shown: {', '.join(names)}.", class_="faint"))
    return join(*parts)


def _table(table: Table, groups: Sequence[Group] = ()) -> Markup:
    """With `groups`, row i belongs to groups[i] and carries the color of its curves."""
    keys = [_key(group) for group in groups] or [Markup("")] * len(table.rows)
    rows = [
        element("tr", element("td", key, first, class_="text"), *[element("td", cell) for cell in rest])
        for key, (first, *rest) in zip(keys, table.rows, strict=True)
    ]
    header = element("tr", *[element("th", name) for name in table.header])
    content = element("table", element("thead", header), element("tbody", *rows))
    # The caption stays in view while the table scrolls sideways.
    caption, scrolled = element("p", table.caption, class_="faint"), element("div", content, class_="scroll")
    return join(caption, scrolled, listed(table.notes))


def listed(lines: Sequence[str]) -> Markup:
    """What deserves attention; nothing of no lines."""
    return element("ul", *[element("li", line) for line in lines], class_="bad") if lines else Markup("")


def _key(group: Group) -> Markup:
    return element("span", class_="key", style=f"background:{curve_color(group.number)}")


def _runs(groups: Sequence[Group]) -> Markup:
    """A row for each run, and what is wrong with any of them."""
    rows, troubles = [], []
    for group, run in _each(groups):
        rate = NOTHING if run.images_per_second is None else f"{run.images_per_second:.0f}"
        step = f"{_or_nothing(run.step)} of {_or_nothing(run.total)}"
        evaluated = str(len(run.evaluations)) if run.evaluations else "never"
        rows.append([f"{group.number}  {run.name}", run.status, step, evaluated, duration(run.seconds), rate])
        troubles += [f"{run.name}: {reason}" for reason in ([run.failure] if run.status == "failed" else [])]
        troubles += [f"{run.name}: {problem}" for problem in run.problems]
    header = ["", "status", "step", "evaluated", "time", "images/s"]
    return join(
        listed(troubles),
        _table(
            Table("Time and speed are those of the steps that are in the logs.", header, rows),
            [group for group, _ in _each(groups)],
        ),
    )


def _or_nothing(value: int | None) -> str:
    return NOTHING if value is None else str(value)


def _samples(groups: Sequence[Group]) -> Markup:
    return element("div", *[_card(group, run) for group, run in _each(groups)], class_="cards samples")


def _card(group: Group, run: Run) -> Markup:
    """The newest grid of a run, or why there is none."""
    seed = "" if run.seed is None else f", seed {run.seed}"
    caption = [_key(group), f"{group.number}  {group.title}{seed}", f", step {run.picture_step}" if run.picture else ""]
    if run.picture is None:
        picture = element("p", "no samples", class_="bad")
    else:
        try:
            shown = read_thumbnail(run.picture, PICTURE_SIDE)
            picture = element("img", src=data_uri("jpeg", shown), alt=f"samples of {run.name}")
            picture = join(picture, _moving(run))
        except UserError as error:
            picture = element("p", error, class_="bad")
    return element("figure", picture, element("figcaption", *caption))


def _moving(run: Run) -> Markup:
    """The run's progress, folded; where the file is large, its place, so that the page stays light."""
    try:
        path = write_progress(run.workdir)
    except UserError as error:
        return element("p", f"no moving picture: {error}", class_="bad")
    if path is None:
        return Markup("")
    if path.stat().st_size > MOVING_BYTES:
        return element("p", f"{path}: from the first samples to these", class_="faint")
    image = element("img", src=data_uri("gif", read_file(path, MOVING_BYTES)), alt=f"progress of {run.name}")
    return element("details", element("summary", "from the first samples to these"), image)


def _differences(groups: Sequence[Group]) -> Markup:
    """A row for each field that differs, a column for each run."""
    runs = [(group, run) for group, run in _each(groups) if run.config]
    fields = list(dict.fromkeys(field for _, run in runs for field in run.config))
    rows = []
    for field in fields:
        values = [as_text(run.config[field]) if field in run.config else NOTHING for _, run in runs]
        if len(set(values)) > 1:
            rows.append([field, *values])
    unread = [group.short(run) for group, run in _each(groups) if not run.config]
    note = f" Without {'; '.join(unread)}, whose config is not there." if unread else ""
    if not rows:
        return element("p", f"None: there is one config, or all are equal.{note}")
    return _table(Table(f"Fields that are equal in all runs are left out.{note}", ["", *_columns(runs)], rows))


def _columns(runs: Sequence[tuple[Group, Run]]) -> list[str]:
    return [group.short(run) for group, run in runs]


def _offline(groups: Sequence[Group]) -> Markup:
    """A column for each result: what it depends on, then its scores."""
    results = [(group.short(run), result) for group, run in _each(groups) for result in run.offline]
    depends = list(dict.fromkeys(name for _, result in results for name in result.provenance))
    scores = list(dict.fromkeys(name for _, result in results for name in result.scores))
    rows = [
        ["file", *[result.file for _, result in results]],
        *[[name, *[result.provenance.get(name, NOTHING) for _, result in results]] for name in depends],
        *[[name, *[_score(result, name) for _, result in results]] for name in scores],
    ]
    warnings = [f"{run}, {result.file}: {text}" for run, result in results for text in result.warnings]
    caption = "By jgan evaluate. Scores compare only where the rows above them are equal."
    return _table(Table(caption, ["", *[run for run, _ in results]], rows, warnings))


def _score(result: Result, name: str) -> str:
    return f"{result.scores[name]:.4g}" if name in result.scores else NOTHING


def _environments(groups: Sequence[Group]) -> Markup:
    """What the runs ran on, once for all runs that share it."""
    shared: dict[str, list[str]] = {}
    for _, run in _each(groups):
        for start in run.starts:
            names = shared.setdefault(as_json(start, indent=None, sort_keys=True), [])
            names += [] if run.name in names else [run.name]
    if not shared:
        return element("p", "No run has an environment.json.")
    return join(*[_environment(json.loads(text), names) for text, names in shared.items()])


def _environment(start: dict[str, Any], names: Sequence[str]) -> Markup:
    rows = [[path, as_text(value)] for path, value in flatten_data(start).items()]
    title = f"{len(names)} run{'s' * (len(names) != 1)} on {start.get('device_kind')}, commit {start.get('git_commit')}"
    return element("details", element("summary", title), _table(Table(", ".join(names), ["", ""], rows)))


def _events(groups: Sequence[Group]) -> Markup:
    happened = [(group, run, event) for group, run in _each(groups) for event in run.events]
    if not happened:
        return element("p", "No run has an events.jsonl.")
    rows = [
        [f"{group.short(run)}: {event['event']}", str(event["step"]), str(event.get("time", NOTHING))]
        for group, run, event in happened
    ]
    table = Table("Starts, roll-backs and stops.", ["", "step", "time"], rows)
    return _table(table, [group for group, _, _ in happened])
