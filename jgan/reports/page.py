"""The report: one HTML file that needs nothing else, neither network nor scripts, readable on a phone."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import NamedTuple

from jgan import __version__
from jgan.reports import sections
from jgan.reports.groups import Group, curve, notes, ranked_scores
from jgan.reports.look import STYLE
from jgan.reports.markup import Markup, element, join, plain
from jgan.rundir.pictures import Curve, draw_curves

# Whatever a run directory might smuggle in: no scripts, no requests.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


class Plot(NamedTuple):
    """The curves of one quantity, as PNG."""

    name: str  # as it is logged: "generator/loss", "averaged/fid"
    light: bytes
    dark: bytes


def draw_plots(groups: Sequence[Group]) -> list[Plot]:
    """Scores that rank runs, then losses, then whatever else the runs logged at every window."""
    logged = {name for group in groups for run in group.runs for line in run.metrics for name in line if "/" in name}
    names = [*ranked_scores(groups), *sorted(logged, key=lambda name: (not name.endswith("/loss"), name))]
    plots = []
    for name in names:
        curves = [drawn for group in groups if (drawn := curve(group, name))]
        if curves:
            plots.append(_draw(name, curves))
    return plots


def _draw(name: str, curves: list[Curve]) -> Plot:
    light, dark = (draw_curves(curves, plain(name), dark=dark) for dark in (False, True))
    return Plot(name, light, dark)


def make_page(title: str, groups: Sequence[Group], plots: Sequence[Plot]) -> str:
    """The whole file. Text from run directories is escaped; pictures are data in it."""
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    body = element(
        "body",
        element("h1", title),
        element("p", f"{sections.counts(groups)}. Written {now} by jgan {__version__}.", class_="faint"),
        *sections.all_sections(groups, plots_section(plots, notes(groups))),
    )
    return framed(title, body)


def framed(title: str, body: Markup) -> str:
    """A whole file of a page's body."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", Markup(STYLE)),
    )
    return join(Markup("<!doctype html>\n"), element("html", head, body, lang="en"), Markup("\n"))


def plots_section(plots: Sequence[Plot], said: Sequence[str]) -> Markup:
    """Scores and losses open, the rest folded."""
    if not plots:
        return element("p", "Nothing was logged: no run has a line of metrics.jsonl or evaluations.jsonl.")
    first = [plot for plot in plots if plot.name.endswith("/loss") or plot.name.startswith(("averaged/", "trained/"))]
    rest = [plot for plot in plots if plot not in first]
    folded = [element("details", element("summary", f"{len(rest)} more"), _cards(rest))] if rest else []
    note = "Mean over the runs that reached the point; the band is their standard deviation."
    return join(element("p", note, class_="faint"), sections.listed(said), _cards(first), *folded)


def _cards(plots: Sequence[Plot]) -> Markup:
    return element("div", *[_themed(plot) for plot in plots], class_="cards")


def _themed(plot: Plot) -> Markup:
    dark = element("source", srcset=sections.data_uri("png", plot.dark), media="(prefers-color-scheme: dark)")
    light = element("img", src=sections.data_uri("png", plot.light), alt=f"{plot.name} over images seen")
    return element("figure", element("picture", dark, light))
