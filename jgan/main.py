"""Train: `jgan train --config dcgan --workdir runs/dcgan`."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from jgan import command
from jgan.config import Config, check, check_is_data, load, override, read_config
from jgan.engine import processes
from jgan.types import UserError

MAX_DEVICES = 1024  # that --devices simulates
DESCRIPTION = """Trains the GAN of a config file, or goes on with the run in --workdir.

  jgan train --config dcgan --workdir runs/dcgan
  jgan train --config dcgan --workdir runs/small --config.stages[0].batch_size=32
  jgan train --workdir runs/dcgan            (resumes it with its own config)
  jgan train --config dcgan --dry_run
  jgan train --config biggan --dry_run --devices 1,8,64

Any field of the config can be set with --config.path.to.field=value; --dry_run lists them."""


def main(argv: Sequence[str]) -> int:
    """Runs the command; 0, or 128 + the number of the signal that interrupted the training."""
    parser = command.Parser("train", DESCRIPTION)
    parser.add_argument(
        "--config", metavar="NAME", help="a config of the package (`jgan configs`), or a Python file with get_config()"
    )
    parser.add_argument("--workdir", metavar="DIR", type=Path, help="directory of the run, made if needed")
    parser.add_argument("--dry_run", action="store_true", help="print config, parameters, memory and FLOPs, and stop")
    parser.add_argument(
        "--devices", metavar="1,8,64", type=_counts, default=(), help="--dry_run for as many, simulated"
    )
    options, overrides = parser.parse_with_flags(argv)
    config = _config(options.config, options.workdir, overrides)
    # Not at the top: the data's worker processes import this module again, and need neither.
    from jgan.training.dry_run import dry_run, simulate
    from jgan.training.loop import train

    if options.devices and not options.dry_run:
        raise UserError("--devices: only --dry_run simulates devices; leave it out, or add --dry_run")
    if options.devices:
        simulate(options.devices)
    processes.initialize()
    check(config)
    check_is_data(config)
    if options.dry_run:
        dry_run(config, options.devices)
        return 0
    workdir: Path | None = options.workdir
    if workdir is None:
        raise UserError("--workdir: expected the directory of the run")
    outcome = train(config, workdir)
    if processes.is_main():
        _say_what_next(outcome.signal, config, workdir)
    return 128 + outcome.signal if outcome.signal else 0


def _counts(text: str) -> tuple[int, ...]:
    counts = tuple(int(part) for part in text.split(",") if part.isdecimal())
    if len(counts) != len(text.split(",")) or not all(1 <= count <= MAX_DEVICES for count in counts):
        raise UserError(
            f"--devices={text}: expected numbers from 1 to {MAX_DEVICES} with commas between, such as 1,8,64"
        )
    return counts


def _config(path: str | None, workdir: Path | None, overrides: Sequence[str]) -> Config:
    if path is not None:
        return read_config(path, overrides)
    if workdir is None or not (workdir / "config.json").is_file():
        raise UserError("--config: expected a config, for example --config dcgan")
    return override(load(workdir), overrides)


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
        f"  {jgan} train --config dcgan --workdir runs/mine --config.data.source=folder:DIR"
    )


if __name__ == "__main__":
    command.run(main)
