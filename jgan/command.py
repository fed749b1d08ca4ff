"""What all commands share: errors as one line with exit code 2, and the compilation cache."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import types
from collections.abc import Callable, Sequence
from typing import NoReturn

import jax

from jgan.engine.allocator import keep_memory
from jgan.engine.processes import error_prefix
from jgan.rundir.files import cache_directory
from jgan.types import UserError

Main = Callable[[Sequence[str]], int]


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are UserErrors, and which takes no abbreviations."""

    def __init__(self, command: str, description: str) -> None:
        super().__init__(
            prog=f"python -m jgan.{command}",
            description=description,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def error(self, message: str) -> NoReturn:
        """Raises UserError instead of printing the usage."""
        raise UserError(f"{message}; see {self.prog} --help")


def run(main: Main, *, keeps_memory: bool = True) -> NoReturn:
    """Runs a command's `main(argv)` and exits with its code; bad input exits with 2 and one line on stderr.

    `keeps_memory` suits those that take the same blocks again and again; between blocks of many sizes it leaves gaps.
    """
    # force: libraries that are imported have set up the format with the module's name in it
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s", force=True)
    logging.getLogger("absl").setLevel(logging.ERROR)
    if keeps_memory:
        keep_memory()
    enable_compilation_cache()
    signal.signal(signal.SIGTERM, _terminate)
    try:
        code = main(sys.argv[1:])
    except UserError as error:
        print(f"{error_prefix()}: {error}", file=sys.stderr)
        code = 2
    except KeyboardInterrupt:
        print("interrupted; what was saved before is intact", file=sys.stderr)
        code = 130
    sys.stdout.flush()
    sys.exit(code)


def _terminate(number: int, frame: types.FrameType | None) -> NoReturn:
    """What SIGTERM does until training catches it, and after."""
    del frame
    print("terminated; what was saved before is intact", file=sys.stderr)
    sys.exit(128 + number)


def check_seed(seed: int) -> None:
    """Raises UserError for a `--seed` that JAX or numpy does not take."""
    if not 0 <= seed < 2**63:
        raise UserError(f"--seed={seed}: expected a number from 0 to 2**63 - 1")


def add_standing_batches(parser: Parser) -> None:
    """The option of commands that draw images."""
    parser.add_argument(
        "--standing_batches",
        metavar="N",
        type=int,
        default=0,
        help="take batch norm's statistics from N batches drawn for them (BigGAN: 16), not the running ones",
    )


def check_standing_batches(count: int) -> None:
    """Raises UserError for what is not a number of batches."""
    if count < 0:
        raise UserError(f"--standing_batches={count}: expected at least 0")


def stay_on_cpu() -> None:
    """For commands that compute nothing: one that took the accelerators, or their memory, would stop the runs there."""
    jax.config.update("jax_platforms", "cpu")


def enable_compilation_cache() -> None:
    """Keeps compiled programs between runs in $JAX_COMPILATION_CACHE_DIR, by default ~/.cache/jgan/xla."""
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        jax.config.update("jax_compilation_cache_dir", str(cache_directory("xla")))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
