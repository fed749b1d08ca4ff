"""Runs every command block of README and docs/, page by page, each page in a fresh copy of the repository.

    make docs-commands [ARGS="--pages docs/start.md --workdir runs/docs-commands"]

The commands of a page run in its order, so that later ones find the runs that earlier ones made, on small data of the
right kind under the names that they have. Trainings are of two steps; what needs a download, a cluster or hours is
planned or explained (docs_plans.py). It ends with a table, which stays in WORKDIR/commands.md, and exit code 1 where a
command fails. The same command goes on where it was stopped, and begins a page with a failure anew.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from docs_data import furnish
from docs_plans import Plan, Planner
from documents import PAGES, ROOT, own_configs, page_commands

from jgan import command
from jgan.types import UserError

SECONDS = 1800  # of a command, at most
TRACEBACK = "Traceback (most recent call last)"


class Outcome(NamedTuple):
    """What became of a command."""

    page: str
    line: int
    shown: str
    ran: tuple[str, ...]
    how: str
    seconds: float  # of the processor
    result: str  # "ok", or the last line of what it printed

    @property
    def passed(self) -> bool:
        """Whether it ended well."""
        return self.result == "ok"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs them, and prints the table."""
    parser = argparse.ArgumentParser(prog="docs_commands.py", description="run every command block of the documents")
    parser.add_argument("--pages", nargs="+", metavar="PAGE", help="paths of some pages, such as docs/start.md")
    parser.add_argument("--workdir", type=Path, default=Path("runs/docs-commands"), metavar="DIR")
    options = parser.parse_args(argv)
    outcomes: list[Outcome] = []
    for page in _pages(options.pages):
        outcomes += run_page(page, options.workdir.resolve() / "-".join(page.relative_to(ROOT).with_suffix("").parts))
    table = markdown(outcomes)
    (options.workdir / "commands.md").write_text(table)
    print(table)
    return 0 if all(outcome.passed for outcome in outcomes) else 1


def _pages(names: Sequence[str] | None) -> list[Path]:
    with_commands = [page for page in PAGES if any(not line.partial for line in page_commands(page))]
    if names is None:
        return with_commands
    known = {str(page.relative_to(ROOT)): page for page in with_commands}
    for name in names:
        if name not in known:
            raise UserError(f"--pages {name}: no page with commands; expected some of {', '.join(known)}")
    return [known[name] for name in names]


def plans_of(page: Path) -> list[Plan]:
    """What is run for a page's blocks, in order."""
    planner = Planner(own_configs(page))
    return [plan for line in page_commands(page) if not line.partial for plan in planner.plan(line)]


def run_page(page: Path, folder: Path) -> Iterator[Outcome]:
    """Each command's outcome; a page that was stopped goes on, one with a failure begins anew."""
    done = folder / "outcomes.jsonl"
    if any(entry["result"] != "ok" for entry in _read(done)):
        shutil.rmtree(folder)  # what came after the failure has changed its runs
    _copy_repository(folder)
    for name, text in own_configs(page).items():
        (folder / name).write_text(text)
        furnish(folder, text)
    before = {tuple(entry["ran"]): Outcome(**entry) for entry in _read(done)}
    for plan in plans_of(page):
        known = before.get(plan.words)
        outcome = known._replace(line=plan.line.number) if known else _run(plan, folder)
        if not known:
            with done.open("a") as file:
                file.write(json.dumps(outcome._asdict()) + "\n")
        yield outcome


def _copy_repository(folder: Path) -> None:
    """The files that git knows or would take, as a clone has them."""
    folder.mkdir(parents=True, exist_ok=True)
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    for name in subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)


def _read(path: Path) -> list[dict]:
    return (
        [{**json.loads(line), "ran": tuple(json.loads(line)["ran"])} for line in path.open()] if path.exists() else []
    )


def _run(plan: Plan, folder: Path) -> Outcome:
    furnish(folder, f"{plan.shown} {shlex.join(plan.words)}")
    print(f"{plan.line}\n    {' '.join(plan.words)}", file=sys.stderr, flush=True)
    binaries = str(Path(sys.executable).parent)
    environment = {**os.environ, "PYTHONPATH": str(folder), "PATH": os.pathsep.join([binaries, os.environ["PATH"]])}
    started = _processor_seconds()
    log = folder / "outputs.log"
    with log.open("w+") as output:
        try:
            code = subprocess.run(
                plan.words, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT, timeout=SECONDS
            ).returncode
        except subprocess.TimeoutExpired:
            code = 124
    text = log.read_text(errors="replace")
    failed = code != 0 or TRACEBACK in text
    last = next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
    result = f"exit code {code}: {last}" if failed else "ok"
    print(f"    {result}", file=sys.stderr, flush=True)
    page = str(plan.line.document.relative_to(ROOT))
    seconds = _processor_seconds() - started
    return Outcome(page, plan.line.number, plan.shown, plan.words, plan.how, seconds, result)


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def markdown(outcomes: Sequence[Outcome]) -> str:
    """The table of a page of results."""
    lines = ["| page, line | command | run | processor s | result |", "| --- | --- | --- | --: | --- |"]
    for one in outcomes:
        shown = one.shown.replace("|", "\\|")
        lines.append(f"| {one.page}:{one.line} | `$ {shown}` | {one.how} | {one.seconds:.0f} | {one.result} |")
    failed = sum(not one.passed for one in outcomes)
    lines += [
        "",
        f"{len(outcomes)} commands, {failed} failed, {sum(one.seconds for one in outcomes):.0f} processor seconds.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    command.run_without_jax(main)
