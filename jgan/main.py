"""Train: `python -m jgan.main --config configs/dcgan.py --workdir runs/dcgan`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from jgan import command
from jgan.config import Config, check, check_is_data, load, override, read_config
from jgan.engine import processes
from jgan.types import UserError

MAX_DEVICES = 1024  # that --devices simulates
DESCRIPTION = """Trains the GAN of a config file, or goes on with the run in --workdir.

  python -m jgan.main --config configs/dcgan.py --workdir runs/dcgan
  python -m jgan.main --config configs/dcgan.py --workdir runs/small --config.stages[0].batch_size=32
  python -m jgan.main --workdir runs/dcgan            (resumes it with its own config)
  python -m jgan.main --config configs/dcgan.py --dry_run
  python -m jgan.main --config configs/biggan.py --dry_run --devices 1,8,64

Any field of the config can be set with --config.path.to.field=value; --dry_run lists them."""


def main(argv: Sequence[str]) -> int:
    """Runs the command; 0, or 128 + the number of the signal that interrupted the training."""
    parser = command.Parser("main", DESCRIPTION)
    parser.add_argument("--config", metavar="FILE", help="a Python file whose get_config() returns a Config")
    parser.add_argument("--workdir", metavar="DIR", type=Path, help="directory of the run, made if needed")
    parser.add_argument("--dry_run", action="store_true", help="print config, parameters, memory and FLOPs, and stop")
    parser.add_argument(
        "--devices", metavar="1,8,64", type=_counts, default=(), help="--dry_run for as many, simulated"
    )
    options, overrides = parser.parse_known_args(argv)
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
        raise UserError("--config: expected a config file, for example --config configs/dcgan.py")
    return override(load(workdir), overrides)


def _say_what_next(signal: int | None, config: Config, workdir: Path) -> None:
    python = _python()
    if signal:
        print(f"Stopped on request; everything is saved. Go on with:\n  {python} -m jgan.main --workdir {workdir}")
        return
    last = len(config.stages) - 1
    curves = f"  {workdir}/plots/loss.png   and the other curves (numbers: {workdir}/metrics.jsonl)\n"
    print(
        f"Finished. Look at\n"
        f"  {workdir}/samples/         images, step by step\n"
        f"{curves if (workdir / 'plots' / 'loss.png').exists() else ''}"
        f"and try\n"
        f"  {python} -m jgan.{config.game.how_to_sample()} --workdir {workdir} --out {workdir}/drawn\n"
        f"  {python} -m jgan.main --workdir {workdir} "
        f"'--config.stages[{last}].steps={2 * config.stages[-1].steps}'\n"
        f"  {python} -m jgan.main --config configs/dcgan.py --workdir runs/mine --config.data.source=folder:DIR"
    )


def _python() -> str:
    """The interpreter as a user would type it here."""
    executable = Path(sys.executable)
    if os.environ.get("VIRTUAL_ENV") == sys.prefix or not executable.is_relative_to(Path.cwd()):
        return "python"
    return str(executable.relative_to(Path.cwd()))


if __name__ == "__main__":
    command.run(main)
