"""Compare runs on one page: `jgan report --workdir runs/a runs/b`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jgan import command
from jgan.reports.groups import collect
from jgan.reports.index import BEGINNING, REPORT, find_runs, make_index, read_entry
from jgan.reports.page import draw_plots, make_page
from jgan.rundir.atomic_files import check_replaceable, replacing_shared
from jgan.rundir.new_directories import making_directory
from jgan.terminal import bars

DESCRIPTION = """Makes one HTML page of runs and sweeps: scores, curves, samples side by side, where the configs differ.

  jgan report --workdir runs/a runs/b
  jgan report --workdir sweeps/x
  jgan report --workdir sweeps/x runs/baseline --out comparison.html
  jgan report --index runs

The page holds its pictures, asks no network for anything and runs no scripts. Of each run with several sample grids
samples/progress.gif is made, which shows them in turn. Runs that are unfinished or damaged are
on it with the reason. Nothing is measured anew: scores are those of training and of jgan evaluate.

With --index all runs below a folder are on one page: step, newest scores and samples of each, and a link to its
report, which is written where it is older than the run."""


def main(argv: Sequence[str]) -> int:
    """Runs the command."""
    parser = command.Parser("report", DESCRIPTION)
    chosen = parser.add_mutually_exclusive_group(required=True)
    chosen.add_argument("--workdir", metavar="DIR", type=Path, nargs="+", help="runs and sweeps")
    chosen.add_argument("--index", metavar="DIR", type=Path, help="a folder, of whose runs there is to be a list")
    what = "the page (default: report.html in the first of them; of --index, index.html in the folder)"
    parser.add_argument("--out", metavar="FILE", type=Path, help=what)
    options = parser.parse_args(argv)
    command.stay_on_cpu()
    return _compare(options.workdir, options.out) if options.index is None else _list(options.index, options.out)


def _compare(workdirs: list[Path], given: Path | None) -> int:
    out = given or workdirs[0] / REPORT
    check_replaceable(out, BEGINNING, "a page")
    groups = collect(workdirs)
    title = f"{workdirs[0].resolve().name}" + (f" and {len(workdirs) - 1} more" if len(workdirs) > 1 else "")
    return _write(out, make_page(title, groups, draw_plots(groups)))


def _list(folder: Path, given: Path | None) -> int:
    out = given or folder / "index.html"
    check_replaceable(out, BEGINNING, "a page")
    with bars.bar(iterable=find_runs(folder), unit="run", disable=None) as found:
        entries = [read_entry(folder, workdir) for workdir in found]
    return _write(out, make_index(folder, entries, out))


def _write(out: Path, page: str) -> int:
    with making_directory(out.parent, "--out"), replacing_shared(out) as partial:
        partial.write_text(page, encoding="utf-8")
    print(f"{out}: {len(page) / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    command.run(main)
