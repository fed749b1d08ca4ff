"""All runs below a folder on one page: what each is, how far it is, its newest scores and samples, and its report."""

from __future__ import annotations

import datetime
import os
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from jgan import __version__
from jgan.reports.groups import Group, ranked_scores
from jgan.reports.markup import Markup, element, join
from jgan.reports.page import draw_plots, framed, make_page
from jgan.reports.runs import Run, is_run, read_run
from jgan.reports.sections import data_uri
from jgan.rundir.atomic_files import check_replaceable, replacing_shared
from jgan.rundir.pictures import read_thumbnail
from jgan.types import UserError

REPORT = "report.html"
BEGINNING = b"<!doctype html>"
PICTURE_SIDE = 480  # pixels of a sample grid, at most
MOST_RUNS = 2_000
DEPTH = 6  # folders below the one that is given
MOST_SCORES = 4
WRITTEN = ("config.json", "metrics.jsonl", "evaluations.jsonl", "events.jsonl", "eval", "samples", "checkpoints")


class Entry(NamedTuple):
    """A run of the index."""

    run: Run
    problem: str | None  # why there is no report of it


def find_runs(folder: Path) -> list[Path]:
    """The runs below a folder, and itself where it is one, by name; links are not followed.

    Raises:
      UserError: it is no folder, or holds no run or too many.
    """
    if not folder.is_dir():
        raise UserError(f"--index={folder}: no such folder; give one with runs in it")
    found = sorted(_runs(folder, DEPTH), key=lambda path: path.parts)
    if not found:
        raise UserError(f"--index={folder}: no run (config.json) is there, or in the {DEPTH} levels of folders below")
    if len(found) > MOST_RUNS:
        raise UserError(f"--index={folder}: {len(found):,} runs; expected at most {MOST_RUNS:,}; give a folder in it")
    return found


def _runs(folder: Path, depth: int) -> Iterator[Path]:
    if (folder / "config.json").is_file() and is_run(folder):
        yield folder
        return
    if not depth:
        return
    try:
        below = [Path(entry.path) for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)]
    except PermissionError:
        return
    for path in below:
        if not path.name.startswith("."):
            yield from _runs(path, depth - 1)


def read_entry(folder: Path, workdir: Path) -> Entry:
    """A run, whose report is written where it is older than the run."""
    run = read_run(workdir, _name(folder, workdir))
    report = workdir / REPORT
    try:
        if _is_older(report, workdir):
            check_replaceable(report, BEGINNING, "a page")
            groups = [Group(1, run.name, {}, [run])]
            page = make_page(run.name, groups, draw_plots(groups))
            with replacing_shared(report) as partial:
                partial.write_text(page, encoding="utf-8")
    except UserError as error:
        return Entry(run, str(error))
    return Entry(run, None)


def _name(folder: Path, workdir: Path) -> str:
    relative = workdir.relative_to(folder).as_posix()
    return folder.resolve().name if relative == "." else relative


def _is_older(report: Path, workdir: Path) -> bool:
    """Whether anything of the run was written after its report."""
    if not report.exists():
        return True
    there = [workdir / name for name in WRITTEN if (workdir / name).exists()]
    return max(path.stat().st_mtime for path in there) > report.stat().st_mtime


def make_index(folder: Path, entries: list[Entry], place: Path) -> str:
    """The page, to be written to `place`, from which it finds the reports."""
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    title = f"Runs of {folder.resolve().name}"
    count = f"{len(entries)} run{'s' * (len(entries) != 1)}"
    body = element(
        "body",
        element("h1", title),
        element("p", f"{count}. Written {now} by jgan {__version__}.", class_="faint"),
        element("div", *[_card(entry, place) for entry in entries], class_="cards samples"),
    )
    return framed(title, body)


def _card(entry: Entry, place: Path) -> Markup:
    run = entry.run
    name: Markup | str = run.name
    if entry.problem is None:
        relative = os.path.relpath(run.workdir / REPORT, place.parent)
        name = element("a", run.name, href=urllib.parse.quote(Path(relative).as_posix()))
    problems = [*([f"no report: {entry.problem}"] if entry.problem else []), *run.problems]
    return element(
        "article",
        element("h2", name),
        element("p", _facts(run), class_="faint"),
        _picture(run),
        _scores(run),
        *[element("p", problem, class_="bad") for problem in problems],
        class_="card",
    )


def _facts(run: Run) -> str:
    """What it trains, and how far it is."""
    kinds = [
        str(run.config[field]).rpartition(".") for field in ("game.generator.type", "game.type") if field in run.config
    ]
    network = [f"{module.rpartition('.')[2]} ({name})" for module, _, name in kinds[:1]]
    source = [str(run.config["data.source"])] if "data.source" in run.config else []
    step = "no checkpoint yet" if run.step is None else f"step {run.step:,}"
    of = "" if run.total is None else f" of {run.total:,}"
    return ", ".join([*network, *source, f"{step}{of}", run.status])


def _picture(run: Run) -> Markup:
    if run.picture is None:
        return element("p", "no samples", class_="faint")
    try:
        shown = read_thumbnail(run.picture, PICTURE_SIDE)
    except UserError as error:
        return element("p", error, class_="bad")
    image = element("img", src=data_uri("jpeg", shown), alt=f"samples of {run.name}")
    return element("figure", image, element("figcaption", f"samples of step {run.picture_step:,}"))


def _scores(run: Run) -> Markup:
    """The newest of training; without any, those of the newest jgan evaluate."""
    names = ranked_scores([Group(1, run.name, {}, [run])])
    lines = [(name, [line[name] for line in run.comparable if name in line]) for name in names]
    rows = [(name, values[-1]) for name, values in lines if values]
    if not rows and run.offline:
        rows = list(run.offline[0].scores.items())
    if not rows:
        return element("p", "not measured", class_="faint")
    cells = [element("tr", element("td", name, class_="text"), element("td", f"{value:.4g}")) for name, value in rows]
    return join(element("div", element("table", element("tbody", *cells[:MOST_SCORES])), class_="scroll"))
