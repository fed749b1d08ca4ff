"""The report: one HTML file that needs nothing else, neither network nor scripts, readable on a phone."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import NamedTuple

from jgan import __version__
from jgan.reports import sections
from jgan.reports.groups import Group, curve, notes, ranked_scores
from jgan.reports.markup import Markup, element, join, plain
from jgan.rundir.pictures import Curve, draw_curves

# Whatever a run directory might smuggle in: no scripts, no requests.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
STYLE = """
:root { color-scheme: light dark; --ink: #202020; --paper: #ffffff; --faint: #6a6a6a; --line: #d8d8d8; --bad: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e8e8; --paper: #16181d; --faint: #a0a0a0; --line: #3a3d44; --bad: #ff8a80; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 0.8rem; max-width: 76rem; background: var(--paper); color: var(--ink);
  font: 16px/1.45 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; margin: 0.3rem 0; }
h2 { font-size: 1.15rem; margin: 2rem 0 0.5rem; border-bottom: 1px solid var(--line); }
.faint { margin: 0.3rem 0; }
.scroll { overflow-x: auto; margin: 0.3rem 0 1rem; }
table { border-collapse: collapse; font-size: 0.9rem; overflow-wrap: normal; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: 0.25rem 0.7rem 0.25rem 0;
  border-bottom: 1px solid var(--line); }
td { white-space: nowrap; }
td.text { white-space: normal; overflow-wrap: anywhere; min-width: min(13rem, 42vw); }
.cards { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(min(20rem, 100%), 1fr)); }
figure { margin: 0; min-width: 0; }
figcaption, .faint { color: var(--faint); font-size: 0.85rem; }
img { max-width: 100%; height: auto; display: block; }
.samples img { width: 100%; image-rendering: pixelated; }
.bad { color: var(--bad); }
.key { display: inline-block; width: 0.7rem; height: 0.7rem; border-radius: 50%; margin-right: 0.35rem; }
summary { cursor: pointer; padding: 0.3rem 0; }
"""


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
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", Markup(STYLE)),
    )
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    body = element(
        "body",
        element("h1", title),
        element("p", f"{sections.counts(groups)}. Written {now} by jgan {__version__}.", class_="faint"),
        *sections.all_sections(groups, plots_section(plots, notes(groups))),
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
