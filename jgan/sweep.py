"""Ablations: `jgan sweep --config dcgan --grid game.r1_gamma=0.1,1 --workdir sweeps/x`."""

from __future__ import annotations

import dataclasses
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from jgan import command
from jgan import config as configs
from jgan.ablation.grid import Axis, PlannedRun, parse_axes, plan
from jgan.ablation.subprocesses import Subprocesses
from jgan.autoconfig.follow import follow_data
from jgan.config import Config
from jgan.data.registry import check_place, is_unpaired, open_domains, open_source
from jgan.evaluation.while_training import check_game
from jgan.metrics.comparison import check_metrics, open_comparison
from jgan.reports.groups import Group, collect
from jgan.reports.page import draw_plots, make_page
from jgan.reports.record import Record, read_failures, read_record, write_failures, write_record
from jgan.reports.tables import score_tables, to_csv, to_markdown, to_screen
from jgan.rundir.atomic_files import read_lines, replacing, writing
from jgan.rundir.checkpoints import newest_step
from jgan.rundir.lock import locked
from jgan.rundir.monitor import EVALUATIONS
from jgan.rundir.paths import given_path
from jgan.types import UserError

# The scores of a sweep are averaged and compared, so all of its runs are measured alike.
FREE_FIELDS = tuple(field for field in configs.FREE_FIELDS if field not in configs.EVALUATION_FIELDS)

DESCRIPTION = """Runs every point of a grid with several seeds, one after the other, and compares them.

  jgan sweep --config dcgan --seeds 3 --workdir sweeps/x \\
      --grid game.adversarial=non_saturating,minimax --grid generator_optimizer.learning_rate=1e-4,2e-4
  jgan sweep ... --metrics fd,pr
  jgan sweep ... --jobs slurm > sweep.sh && sbatch --gres=gpu:1 --time=8:00:00 sweep.sh
  jgan sweep ... --jobs list | parallel -j 4

Each run is `jgan train` in a directory of its own, so the end of one does not end the others. The same command
again resumes what was interrupted, retries what failed and leaves what is finished; more values, fields or seeds are
added to the sweep. Values are separated by commas; commas in brackets or quotes belong to a value:
`--grid 'game.generator.widths=(16,32),(64,64)'`. Any --config.field=value holds for all runs. --jobs prints the runs to
do as a SLURM array script, or one command a line, in place of running them; afterwards the same command without --jobs
(or `jgan report`) collects them.

--workdir gets table.md, table.csv, plots/ and report.html, over all runs of the sweep; before it ends,
`jgan report --workdir sweeps/x` makes the page. Scores are there with --metrics, which measures each run once it is
finished, those of before too (settings: --config.evaluation.num_samples=1000, ...); or throughout the training, with
--config.evaluate_every. Means are over finished runs, all measured alike: evaluate_every and evaluation.* of runs that
were measured stay as they are, except where the grid varies them. Exit code: 0 when
all runs asked for are finished, 1 when some failed."""


def main(argv: Sequence[str]) -> int:
    """Runs the command; 1 where a run failed, 128 + the number of the signal that interrupted the sweep."""
    options, overrides = _parser().parse_with_flags(argv)
    command.stay_on_cpu()
    if options.seeds < 1:
        raise UserError(f"--seeds={options.seeds}: expected at least 1")
    base = _base(options.config, overrides, options.grid)
    axes = parse_axes(options.grid)
    planned = plan(base, axes, options.seeds)
    _check_sources(axes)
    scoring = _scoring(options.metrics, base, overrides, axes)
    _check_scoring(base, planned, scoring, here=not options.jobs)
    workdir: Path = options.workdir
    if (workdir / "config.json").exists():
        raise UserError(f"--workdir={workdir}: holds a run; a sweep takes a directory of its own")
    check_place(base.data.source, workdir)
    with locked(workdir):
        given = Record(options.config, overrides, options.grid, options.seeds, configs.to_data(base), [])
        planned = _record(workdir, given, base, planned)
        commands = {run.recorded.name: _commands(options.config, overrides, scoring, workdir, run) for run in planned}
        commands = {name: words for name, words in commands.items() if words}
        if options.jobs:
            first = [words for words, *_ in commands.values()]
            print(_job_list(first, workdir, slurm=options.jobs == "slurm"), end="")
            return 0
        return _run_all(workdir, commands, len(planned))


def _parser() -> command.Parser:
    parser = command.Parser("sweep", DESCRIPTION)
    parser.add_argument("--config", metavar="NAME", required=True, help="the config of all runs")
    parser.add_argument("--workdir", metavar="DIR", type=Path, required=True, help="directory of the sweep")
    parser.add_argument(
        "--grid", metavar="FIELD=A,B", action="append", default=[], help="values of a field; once for every field"
    )
    parser.add_argument(
        "--seeds", metavar="N", type=int, default=1, help="runs a point, with seeds 0 to N - 1 (default 1)"
    )
    parser.add_argument("--metrics", metavar="fd,pr,...", help="measure every finished run that has no scores yet")
    parser.add_argument("--jobs", choices=("slurm", "list"), help="print the runs as jobs, and run nothing")
    return parser


def _base(path: str, overrides: Sequence[str], grid: Sequence[str]) -> Config:
    """The config without the grid, of seed 0."""
    for flag in overrides:
        field = flag.partition("=")[0].removeprefix("--config.")
        if field == "seed":
            raise UserError(f"{flag}: the seeds of a sweep are 0 to N - 1; give --seeds N")
        if field in [text.partition("=")[0] for text in grid]:
            raise UserError(f"{flag}: --grid {field} chooses this field; leave one of them out")
    config, _ = follow_data(configs.read_config(path, overrides), overrides)  # as each run does
    base = configs.override(config, ["--config.seed=0"])
    configs.check_is_data(base)
    return base


def _check_sources(axes: Sequence[Axis]) -> None:
    """Raises UserError where a data set of the grid cannot be opened: before any run, as the other values."""
    for text in [text for axis in axes if axis.field == "data.source" for text in axis.texts]:
        try:
            open_domains(text) if is_unpaired(text) else open_source(text)
        except UserError as error:
            raise UserError(f"--grid data.source={text}: {error}") from None


def _record(workdir: Path, given: Record, base: Config, planned: list[PlannedRun]) -> list[PlannedRun]:
    """Adds the runs to sweep.json. Runs that are there keep the names that they have.

    Raises:
      UserError: the directory holds a sweep of another config.
    """
    before = read_record(workdir)
    known = {run.key: run for run in before.runs} if before else {}
    if before is not None:
        steps = f"stages[{len(base.stages) - 1}].steps"  # may grow; runs whose point has its own do not care
        done = [newest_step(workdir / run.name) or 0 for run in before.runs if steps not in run.values]
        measured = any((workdir / run.name / EVALUATIONS).is_file() for run in before.runs)
        free = FREE_FIELDS if measured else configs.FREE_FIELDS
        if changes := configs.differences(before.base, base, max(done, default=0), free):
            raise UserError(
                f"--workdir={workdir}: holds a sweep of another config ({'; '.join(changes[:5])}); "
                "use another directory, or change it back"
            )
    planned = [dataclasses.replace(run, recorded=known.get(run.recorded.key, run.recorded)) for run in planned]
    known |= {run.recorded.key: run.recorded for run in planned}
    write_record(workdir, dataclasses.replace(given, runs=list(known.values())))
    return planned


def _scoring(metrics: str | None, base: Config, overrides: Sequence[str], axes: Sequence[Axis]) -> list[str]:
    """The flags by which a finished run is measured; none without --metrics.

    Raises:
      UserError: an unknown metric, metrics that are named elsewhere too, or runs that are measured while they train.
    """
    if metrics is None:
        return []
    if base.evaluate_every:
        raise UserError(
            f"--metrics={metrics}: these runs are measured while they train (evaluate_every={base.evaluate_every}); "
            "leave it out, and give --config.evaluation.metrics"
        )
    named = [f"--grid {axis.field}" for axis in axes] + [flag.partition("=")[0] for flag in overrides]
    for other in ("--config.evaluation.metrics", "--grid evaluation.metrics"):
        if other in named:
            raise UserError(f"--metrics={metrics}: {other} names metrics too; leave one of them out")
    names = tuple(metrics.split(","))
    check_metrics(names, f"--metrics={metrics}")
    quoted = ",".join(f'"{name}"' for name in names)
    every = sum(stage.steps for stage in base.stages)  # any number: the last step is measured in any case
    flags = [f"--config.evaluate_every={every}", f"--config.evaluation.metrics=({quoted},)"]
    return flags + [flag for flag in overrides if flag.startswith("--config.evaluation.")]


def _check_scoring(base: Config, planned: Sequence[PlannedRun], scoring: Sequence[str], *, here: bool) -> None:
    """Raises UserError, before any run, where one of them could not be measured once it is trained.

    The weights and the data that this takes are looked for where the runs are `here`.
    """
    opened: set[tuple[object, ...]] = set()
    for run in planned:
        config = configs.override(base, [*run.flags, *scoring])
        evaluation, key = config.evaluation, (config.data.source, config.evaluation)
        if not config.evaluate_every or run.recorded.seed:
            continue
        configs.check(config)
        check_game(config)
        if key in opened or not here:
            continue
        opened.add(key)
        weights = given_path(evaluation.weights) if evaluation.weights else None
        comparison = open_comparison(
            check_metrics(evaluation.metrics, "evaluation.metrics"),
            *(evaluation.features, evaluation.dtype, weights),
            weights_field="evaluation.weights",
        )
        if config.game.generates_from == "latents" and comparison.compares_classes:
            source = open_source(config.data.source)
            comparison.check_labels(generated=config.game.num_classes > 0, reference=source.num_classes is not None)


def _commands(
    config: str, overrides: Sequence[str], scoring: Sequence[str], workdir: Path, run: PlannedRun
) -> list[list[str]]:
    """What is left to do for a run: to train it, then to measure it."""
    place = workdir / run.recorded.name
    train = [sys.executable, "-m", "jgan.main"]
    is_trained = (newest_step(place) or 0) >= run.steps
    is_measured = any(line["step"] >= run.steps for line in read_lines(place / EVALUATIONS))
    commands = []
    if not is_trained or (run.evaluates and not is_measured):
        commands.append([*train, "--config", config, "--workdir", str(place), *overrides, *run.flags])
    if scoring and not run.evaluates and not is_measured:
        commands.append([*train, "--workdir", str(place), *scoring])
    return commands


def _job_list(commands: Sequence[list[str]], workdir: Path, *, slurm: bool) -> str:
    """One command a line; for SLURM, one array task each."""
    if not commands:
        raise UserError(f"--jobs: every run of {workdir} is finished, there is nothing to do")
    lines = [shlex.join(words) for words in commands]
    if not slurm:
        return "".join(f"{line}\n" for line in lines)
    return "\n".join(
        [
            "#!/bin/bash",
            f"#SBATCH --job-name={shlex.quote(workdir.resolve().name)}",
            f"#SBATCH --array=0-{len(lines) - 1}",
            f"#SBATCH --output={shlex.quote(str(workdir.resolve()))}/job_%A_%a.log",
            "# Two minutes before the time limit the run saves and stops; submit again to go on.",
            "#SBATCH --signal=B:TERM@120",
            f"cd {shlex.quote(str(Path.cwd()))} || exit 1",
            'case "$SLURM_ARRAY_TASK_ID" in',
            *[f"{index}) exec {line} ;;" for index, line in enumerate(lines)],
            "esac",
            "",
        ]
    )


def _run_all(workdir: Path, commands: dict[str, list[list[str]]], count: int) -> int:
    """Runs what is not finished, the commands of a run one after the other, and collects; the exit code."""
    failures = read_failures(workdir)
    failed: dict[str, str] = {}
    print(f"{count} runs, {count - len(commands)} of them finished already", flush=True)
    with Subprocesses() as subprocesses:
        for number, (name, words) in enumerate(commands.items(), start=count - len(commands) + 1):
            print(f"run {number} of {count}: {name}", flush=True)
            ending = subprocesses.run(words[0])
            for more in words[1:]:
                ending = subprocesses.run(more) if not (subprocesses.signal or ending.code) else ending
            if subprocesses.signal:
                break
            failures.pop(name, None)
            if ending.code:
                failed[name] = failures[name] = str(ending)
                print(f"{name} failed: {ending}; going on", file=sys.stderr)
            write_failures(workdir, failures)
    groups = _collect(workdir)
    print(f"\n{to_screen(score_tables(groups)[0])}\n\n{workdir}/report.html   table.md   table.csv   plots/")
    if subprocesses.signal:
        print("Stopped on request; what was done is saved. The same command goes on.", file=sys.stderr)
        return 128 + subprocesses.signal
    for name, reason in failed.items():
        print(f"failed: {name}: {reason}", file=sys.stderr)
    return 1 if failed else 0


def _collect(workdir: Path) -> list[Group]:
    """Writes the tables, the plots and the page of all runs."""
    groups = collect([workdir])
    plots = draw_plots(groups)
    _write(workdir / "table.md", to_markdown(score_tables(groups)).encode())
    _write(workdir / "table.csv", to_csv(groups).encode(errors="backslashreplace"))
    with writing(workdir / "plots"):
        (workdir / "plots").mkdir(exist_ok=True)
    for plot in plots:
        _write(workdir / "plots" / f"{re.sub(r'[^A-Za-z0-9.-]+', '_', plot.name)}.png", plot.light)
    _write(workdir / "report.html", make_page(f"Sweep {workdir.resolve().name}", groups, plots).encode())
    return groups


def _write(path: Path, content: bytes) -> None:
    with replacing(path) as partial:
        partial.write_bytes(content)


if __name__ == "__main__":
    command.run(main)
