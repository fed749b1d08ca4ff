"""Train: `jgan train --config dcgan --workdir runs/dcgan`."""

from __future__ import annotations

import argparse
import itertools
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jgan import command
from jgan.config import Config, check, check_is_data, load, override, read_config
from jgan.engine import processes
from jgan.terminal.closed_pipes import surviving_closed_pipes
from jgan.types import UserError

if TYPE_CHECKING:
    from jgan.autoconfig.wishes import Wishes
    from jgan.training.loop import DivergedError
    from jgan.training.start_from import StartFrom

MAX_DEVICES = 1024  # that --devices simulates
WISHES = ("task", "family", "resolution", "steps", "width")  # flags of the choice for a source
DESCRIPTION = """Trains a GAN on your images, or that of a config file, or goes on with the run in --workdir.

  jgan train photos/                         (a folder or zip: the config is chosen for it)
  jgan train photos/ --task colorization     (gray to colour; or inpainting, super_resolution, ...)
  jgan train --config dcgan --workdir runs/dcgan
  jgan train --config dcgan --workdir runs/small --config.stages[0].batch_size=32
  jgan train --workdir runs/dcgan            (resumes it with its own config)
  jgan train --from runs/dcgan --config.generator_optimizer.learning_rate=1e-4 --workdir runs/slower
  jgan train --config dcgan --dry_run
  jgan train --config biggan --dry_run --devices 1,8,64

SOURCE is a folder, a .zip, an .npz, or a source as in data.source, such as pairs:DIR or mnist5k. With classes in
folders of their own, images are made by class; trainA and trainB beside each other are two domains, A and B pairs.
Without --config the family, the size of the networks and all else is chosen for these data and this machine, and shown
with the reasons; with it, SOURCE takes the place of its data.source, whose channels and classes the networks follow.
The run gets a directory of its own, runs/<data>-<family>-<n>, unless --workdir names one.

--from takes the weights, their averages and the optimizers of another run where names and shapes fit, and begins a new
run: with --config, or with that run's config; resolution, classes and channels may differ. The tensors that were taken,
left or made anew are listed in start.json.

Any field of the config can be set with --config.path.to.field=value; --dry_run lists them."""


def main(argv: Sequence[str]) -> int:
    """Runs the command; 0, or 128 + the number of the signal that interrupted the training."""
    options, overrides = _parser().parse_with_flags(_with_values(argv))
    if more := [argument for argument in overrides if not argument.startswith("-")]:
        raise UserError(f"{more[0]!r}: expected one SOURCE, and flags such as --config.seed=1")
    # Not at the top: the data's worker processes import this module again, and need none of them.
    from jgan.autoconfig import start
    from jgan.training.dry_run import dry_run, simulate

    if options.devices and not options.dry_run:
        raise UserError("--devices: only --dry_run simulates devices; leave it out, or add --dry_run")
    if options.keep_step and options.start_from is None:
        raise UserError("--keep_step: part of --from, which says from where; leave it out")
    if options.devices:
        simulate(options.devices)
    processes.initialize()
    chosen = None
    if options.source is not None and options.config is None and options.start_from is None:
        chosen = start.choose_config(options.source, _wishes(options), overrides)
        start.show(chosen)
    config = chosen.config if chosen else _config(options, overrides)
    check_is_data(config)
    if options.dry_run:  # which checks the config, as training does
        dry_run(config, options.devices)
        return 0
    if chosen is None:
        return _train(config, options.workdir, _start_from(options))
    check(config)
    with start.place(chosen, options.workdir, argv, f"{command.program()} train") as workdir:
        return _train(config, workdir)


def _parser() -> command.Parser:
    parser = command.Parser("train", DESCRIPTION)
    parser.add_argument("source", metavar="SOURCE", nargs="?", help="your images: a folder, a .zip, pairs:DIR, ...")
    parser.add_argument(
        "--config", metavar="NAME", help="a config of the package (`jgan configs`), or a Python file with get_config()"
    )
    parser.add_argument("--workdir", metavar="DIR", type=Path, help="directory of the run, made if needed")
    parser.add_argument(
        "--from",
        metavar="RUN",
        type=Path,
        dest="start_from",
        help="begin a new run from another's state: a run, or one of its checkpoints/",
    )
    parser.add_argument(
        "--keep_step", action="store_true", help="with --from: count on from its step, so that schedules go on"
    )
    parser.add_argument("--dry_run", action="store_true", help="print config, parameters, memory and FLOPs, and stop")
    parser.add_argument(
        "--devices", metavar="1,8,64", type=_counts, default=(), help="--dry_run for as many, simulated"
    )
    choice = parser.add_argument_group("of the choice for SOURCE, without --config")
    choice.add_argument(
        "--task", metavar="NAME", help="inputs made of each image: colorization, inpainting, edges, ..."
    )
    choice.add_argument("--family", metavar="NAME", help="dcgan (labels left out), conditional_dcgan, ...")
    choice.add_argument("--resolution", metavar="R", type=int, help="pixels of a side, a power of two")
    choice.add_argument("--width", metavar="N", type=int, help="channels of the networks at full resolution")
    choice.add_argument("--steps", metavar="N", type=int, help="of the run; schedules end with it")
    return parser


def _with_values(argv: Sequence[str]) -> list[str]:
    """The arguments with `--config.seed 1` as one, `--config.seed=1`: its value is no SOURCE."""
    joined: list[str] = []
    for argument in argv:
        before = joined[-1] if joined else ""
        if before.startswith("--config.") and "=" not in before and not argument.startswith("-"):
            joined[-1] = f"{before}={argument}"
        else:
            joined.append(argument)
    return joined


def _wishes(options: argparse.Namespace) -> Wishes:
    """The flags of the choice. Raises UserError for one that is empty or 0, which mean that nothing is asked for."""
    from jgan.autoconfig.wishes import EXPECTED, Wishes

    given = {name: getattr(options, name) for name in WISHES if getattr(options, name) is not None}
    for name, value in given.items():
        if not value:
            raise UserError(f"--{name}={value}: expected {EXPECTED[name]}")
    return Wishes(**given)


def _start_from(options: argparse.Namespace) -> StartFrom | None:
    from jgan.training.start_from import StartFrom

    return StartFrom(options.start_from, options.keep_step) if options.start_from else None


def _train(config: Config, workdir: Path | None, start_from: StartFrom | None = None) -> int:
    """Trains, and says what next; the exit code."""
    from jgan.training.loop import DivergedError, train

    if workdir is None:
        raise UserError("--workdir: expected the directory of the run")
    try:
        with surviving_closed_pipes():
            outcome = train(config, workdir, start_from)
    except DivergedError as error:
        raise UserError(
            f"{error}; a new run goes on from it more slowly by: {_slower(config, workdir, error)}"
        ) from None
    if processes.is_main():
        _say_what_next(outcome.signal, config, workdir)
    return 128 + outcome.signal if outcome.signal else 0


def _slower(config: Config, workdir: Path, error: DivergedError) -> str:
    """The command that goes on from the last good checkpoint at half the learning rates."""
    number = next(number for number in itertools.count(2) if not Path(f"{workdir}-{number}").exists())
    rates = [
        f"--config.{player}_optimizer.learning_rate={getattr(config, f'{player}_optimizer').learning_rate / 2:.4g}"
        for player in ("generator", "discriminator")
    ]
    words = [f"--from={error.checkpoint}", "--keep_step", f"--workdir={workdir}-{number}", *rates]
    return f"{command.program()} train {shlex.join(words)}"


def _counts(text: str) -> tuple[int, ...]:
    counts = tuple(int(part) for part in text.split(",") if part.isdecimal())
    if len(counts) != len(text.split(",")) or not all(1 <= count <= MAX_DEVICES for count in counts):
        raise UserError(
            f"--devices={text}: expected numbers from 1 to {MAX_DEVICES} with commas between, such as 1,8,64"
        )
    return counts


def _config(options: argparse.Namespace, overrides: Sequence[str]) -> Config:
    """The config of a file, whose networks follow the data that flags name, or that of the run to go on with."""
    from jgan.autoconfig.follow import follow_data, source_for
    from jgan.training.start_from import open_origin
    from jgan.training.start_settings import with_resumed_settings

    for name in WISHES:
        if getattr(options, name) is not None:
            raise UserError(f"--{name}: part of the choice for a SOURCE without --config; leave it out")
    if options.config is None and options.start_from is None:
        if options.workdir is not None and not (options.workdir / "config.json").is_file():
            raise UserError(
                f"--workdir={options.workdir}: holds no run to go on with; name another, or give a new run --config "
                "or your images, as in photos/"
            )
        if options.workdir is None:
            raise UserError("--config: expected a config, for example --config dcgan, or your images, as in photos/")
        return override(load(options.workdir), overrides)
    if options.config is None:
        config = override(open_origin(options.start_from).config, overrides)
    else:
        config = read_config(options.config, overrides)
    if options.source is not None:
        overrides = [f"--config.data.source={source_for(config, options.source)}", *overrides]
        config = override(config, overrides[:1])
    config, followed = follow_data(config, overrides)
    if followed and processes.is_main():
        print(f"{config.data.source}: the networks follow the data: {' '.join(followed)}", flush=True)
    config, resumed = with_resumed_settings(config, _start_from(options), options.workdir, overrides)
    if resumed and processes.is_main():
        print(resumed, flush=True)
    return config


def _say_what_next(signal: int | None, config: Config, workdir: Path) -> None:
    jgan, place = command.program(), shlex.quote(str(workdir))
    if signal:
        print(f"Stopped on request; everything is saved. Go on with:\n  {jgan} train --workdir {place}")
        return
    last = len(config.stages) - 1
    curves = f"  {workdir}/plots/loss.png   and the other curves (numbers: {workdir}/metrics.jsonl)\n"
    print(
        f"Finished. Look at\n"
        f"  {workdir}/samples/         images, step by step\n"
        f"{curves if (workdir / 'plots' / 'loss.png').exists() else ''}"
        f"and try\n"
        f"  {jgan} {config.game.how_to_sample()} --workdir {place} --out {shlex.quote(f'{workdir}/generated')}\n"
        f"  {jgan} train --workdir {place} '--config.stages[{last}].steps={2 * config.stages[-1].steps}'\n"
        f"  {jgan} train FOLDER        (with images of your own)"
    )


if __name__ == "__main__":
    command.run(main)
