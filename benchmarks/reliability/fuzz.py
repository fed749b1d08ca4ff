"""Inputs of every kind that jgan reads, nearly right: each is to be taken, or refused in one line.

    make fuzz [ARGS="--examples 2000 --seed 7 --kinds config.json 'pth, zip'"]

Files are valid ones with a few things wrong in them, by their structure and by their bytes; command lines are made of
each command's own options. An input passes when it is taken, or refused by one line without control characters that
names the file or the flag; never by another exception, by the end of the process, by reading beside or writing out of
its folder, nor by more than 20 seconds of the processor or 2 GiB. A command is stopped where it would begin to compute.

Each kind has a process and a temporary directory of its own. What fails is printed with its smallest input.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import multiprocessing
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import fuzz_checkpoints
import fuzz_commands
import fuzz_files
import fuzz_json
import hypothesis
import jax
from fuzz_json import Target
from fuzz_judging import FAULT, REFUSED, TAKEN, Verdict, judge
from fuzz_mutations import CANARY
from hypothesis import HealthCheck, Phase
from hypothesis.configuration import set_hypothesis_home_dir
from tqdm import tqdm

from jgan import command

KINDS: dict[str, Callable[[Path], Target]] = {
    **fuzz_json.KINDS,
    **fuzz_checkpoints.KINDS,
    **fuzz_files.KINDS,
    **fuzz_commands.KINDS,
}
Told = Callable[[Any, Verdict | None], None]  # of each input before it is judged (None) and after
RESTARTS = 5  # of a kind whose inputs end the process


@dataclasses.dataclass
class Tally:
    """What became of the inputs of a kind."""

    outcomes: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    faults: dict[str, str] = dataclasses.field(default_factory=dict)  # what failed: its smallest input

    def add(self, shown: str, verdict: Verdict) -> bool:
        """Counts an input, and keeps the smallest that fails in its way. Whether it is the first."""
        self.outcomes[verdict.outcome] += 1
        if verdict.outcome == FAULT:
            sign = re.sub(r"[0-9]{3,}|'[^']*'|\"[^\"]*\"", "...", verdict.reason)[:160]
            entry = f"{verdict.reason}\n    {shown}"
            is_first = sign not in self.faults
            self.faults[sign] = min(self.faults.get(sign, entry), entry, key=len)
            return is_first
        return False


def try_kind(name: str, examples: int, seed: int, tell: Told) -> None:
    """Judges so many inputs of a kind in this process, in a temporary directory that it works in meanwhile."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder, "work")
        work.mkdir()
        Path(folder, CANARY).write_bytes(b"to be left alone")
        os.chdir(work)
        try:
            set_hypothesis_home_dir(Path(folder, "hypothesis"))
            _judge_each(KINDS[name](work), examples, seed, work, tell)
        finally:
            os.chdir(before)


def _judge_each(target: Target, examples: int, seed: int, work: Path, tell: Told) -> None:
    may_write = [Path(place)] if (place := jax.config.values["jax_compilation_cache_dir"]) else []

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),  # pyright: ignore[reportArgumentType]
    )
    @hypothesis.given(target.inputs)
    def judge_one(given: Any) -> None:
        tell(given, None)
        tell(given, judge(lambda: target.take(given), target.names, work, may_write))

    judge_one()


def _work(plan: list[tuple[str, int, int]], channel: Connection) -> None:
    """What a process does: kinds one after the other, each with so many inputs and its seed."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what libraries of C say of odd files
    command.stay_on_cpu()
    for name, examples, seed in plan:
        channel.send((name, "its preparation", None))
        try_kind(name, examples, seed, lambda given, verdict, name=name: channel.send((name, _shown(given), verdict)))
    channel.send(None)


def _shown(given: Any) -> str:
    text = repr(given)
    return text if len(text) < 3000 else f"{text[:1500]} ... {text[-1500:]}"


def run_kinds(names: Sequence[str], examples: int, seed: int, update: Callable[[str], object]) -> dict[str, Tally]:
    """Judges so many inputs of each kind in another process: an input that ends it is a fault, and the rest goes on."""
    tallies, deaths = {name: Tally() for name in names}, collections.Counter[str]()
    context, todo = multiprocessing.get_context("spawn"), list(names)
    while todo:
        plan = [(name, examples - tallies[name].outcomes.total(), seed + 1000 * deaths[name]) for name in todo]
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(plan, theirs))
        process.start()
        theirs.close()
        name, last = todo[0], "its start"
        try:
            while (told := ours.recv()) is not None:
                name, last, verdict = told
                if verdict is not None:
                    if tallies[name].add(last, verdict):
                        tqdm.write(f"{name}: {verdict.reason[:300]}", file=sys.stderr)
                    update(name)
            todo = []
        except EOFError:
            process.join()
            deaths[name] += 1
            tallies[name].add(last, Verdict(FAULT, f"ended the process with {process.exitcode}"))
            is_over = deaths[name] > RESTARTS or tallies[name].outcomes.total() >= examples
            todo = todo[todo.index(name) + is_over :]
        process.join()
    return tallies


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=2000, help="inputs, all in all (default 2000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=min(2, os.cpu_count() or 1), help="at once (default 2)")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), metavar="KIND", help=", ".join(KINDS))
    options = parser.parse_args()
    start, each = time.perf_counter(), -(-options.examples // len(options.kinds))
    parts = [options.kinds[first :: options.processes] for first in range(options.processes)]
    with tqdm(total=each * len(options.kinds), unit=" inputs", disable=None) as bar, ThreadPoolExecutor() as pool:

        def update(name: str) -> None:
            bar.set_description(name, refresh=False)
            bar.update()

        found = list(pool.map(lambda names: run_kinds(names, each, options.seed, update), parts))
    tallies = {name: part[name] for name in options.kinds for part in found if name in part}
    print(table(tallies))
    print(f"\nseed {options.seed}, {time.perf_counter() - start:.0f} s")
    for name, tally in tallies.items():
        for entry in tally.faults.values():
            print(f"\n{name}: {entry}")
    return 1 if any(tally.faults for tally in tallies.values()) else 0


def table(tallies: dict[str, Tally]) -> str:
    """The table of kinds, in Markdown."""
    rows = ["| kind | inputs | taken | refused | faults |", "| --- | --: | --: | --: | --: |"]
    total: collections.Counter[str] = collections.Counter()
    for name, tally in tallies.items():
        total += tally.outcomes
        rows.append(_row(name, tally.outcomes))
    return "\n".join([*rows, _row("all", total)])


def _row(name: str, outcomes: collections.Counter[str]) -> str:
    return (
        f"| {name} | {outcomes.total():,} | " + " | ".join(f"{outcomes[o]:,}" for o in (TAKEN, REFUSED, FAULT)) + " |"
    )


if __name__ == "__main__":
    sys.exit(main())
