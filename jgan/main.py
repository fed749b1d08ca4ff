"""Train: `python -m jgan.main --config configs/dcgan.py --workdir runs/dcgan`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jgan import command, processes
from jgan.config import Config, load, read_config
from jgan.types import UserError

DESCRIPTION = """Trains the GAN of a config file, or goes on with the run in --workdir.

  python -m jgan.main --config configs/dcgan.py --workdir runs/dcgan
  python -m jgan.main --config configs/dcgan.py --workdir runs/small --config.stages[0].batch_size=32
  python -m jgan.main --workdir runs/dcgan            (resumes it with its own config)
  python -m jgan.main --config configs/dcgan.py --dry_run

Any field of the config can be set with --config.path.to.field=value; --dry_run lists them."""


def main(argv: Sequence[str]) -> int:
    """Runs the command; 0, or 128 + the number of the signal that interrupted the training."""
    parser = command.Parser("main", DESCRIPTION)
    parser.add_argument("--config", metavar="FILE", help="a Python file whose get_config() returns a Config")
    parser.add_argument("--workdir", metavar="DIR", type=Path, help="directory of the run, made if needed")
    parser.add_argument("--dry_run", action="store_true", help="print config, parameters, memory and FLOPs, and stop")
    options, overrides = parser.parse_known_args(argv)
    if options.workdir is None and not options.dry_run:
        raise UserError("--workdir: expected the directory of the run")
    config = _config(options.config, options.workdir, overrides)
    processes.initialize()
    if options.dry_run:
        from jgan.dry_run import dry_run

        dry_run(config)
        return 0
    from jgan.train import train  # after the other processes are joined

    outcome = train(config, options.workdir)
    if processes.is_main():
        _say_what_next(outcome.signal, options.workdir)
    return 128 + outcome.signal if outcome.signal else 0


def _config(path: str | None, workdir: Path | None, overrides: Sequence[str]) -> Config:
    if path is not None:
        return read_config(path, overrides)
    if workdir is None or not (workdir / "config.json").is_file():
        raise UserError("--config: expected a config file, for example --config configs/dcgan.py")
    from jgan.config import override

    return override(load(workdir), overrides)


def _say_what_next(signal: int | None, workdir: Path) -> None:
    if signal:
        print(f"Stopped on request; everything is saved. Go on with:\n  python -m jgan.main --workdir {workdir}")
        return
    print(
        f"Finished: {workdir}\n"
        f"  samples  {workdir}/samples/\n"
        f"  curves   {workdir}/plots/  (numbers: {workdir}/metrics.jsonl)\n"
        f"Draw from it:\n  python -m jgan.sample --workdir {workdir} --num 64 --out samples/"
    )


if __name__ == "__main__":
    command.run(main)
