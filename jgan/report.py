"""Compare runs on one page: `jgan report --workdir runs/a runs/b`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jgan import command
from jgan.reports.groups import collect
from jgan.reports.page import draw_plots, make_page
from jgan.rundir.atomic_files import check_replaceable, replacing_shared
from jgan.rundir.new_directories import making_directory

DESCRIPTION = """Makes one HTML page of runs and sweeps: scores, curves, samples side by side, where the configs differ.

  jgan report --workdir runs/a runs/b
  jgan report --workdir sweeps/x
  jgan report --workdir sweeps/x runs/baseline --out comparison.html

The page holds its pictures, asks no network for anything and runs no scripts. Of each run with several sample grids
samples/progress.gif is made, which shows them in turn. Runs that are unfinished or damaged are
on it with the reason. Nothing is measured anew: scores are those of training and of jgan evaluate."""


def main(argv: Sequence[str]) -> int:
    """Runs the command."""
    parser = command.Parser("report", DESCRIPTION)
    parser.add_argument("--workdir", metavar="DIR", type=Path, nargs="+", required=True, help="runs and sweeps")
    parser.add_argument("--out", metavar="FILE", type=Path, help="the page (default: report.html in the first of them)")
    options = parser.parse_args(argv)
    command.stay_on_cpu()
    workdirs: list[Path] = options.workdir
    out: Path = options.out or workdirs[0] / "report.html"
    check_replaceable(out, b"<!doctype html>", "a page")
    groups = collect(workdirs)
    title = f"{workdirs[0].resolve().name}" + (f" and {len(workdirs) - 1} more" if len(workdirs) > 1 else "")
    page = make_page(title, groups, draw_plots(groups))
    with making_directory(out.parent, "--out"), replacing_shared(out) as partial:
        partial.write_text(page, encoding="utf-8")
    print(f"{out}: {len(page) / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    command.run(main)
