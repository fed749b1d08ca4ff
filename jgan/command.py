"""What all commands share: errors as one line with exit code 2, the compilation cache, how `jgan` is typed here.

JAX is imported by the functions that need it: `jgan --help` and `jgan configs` start without it.
"""

from __future__ import annotations

import argparse
import errno
import itertools
import logging
import os
import shlex
import shutil
import signal
import sys
import types
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from jgan.errors import UserError, did_you_mean, error_prefix, one_line
from jgan.rundir.paths import given_path
from jgan.terminal.printable import printing_printable

Main = Callable[[Sequence[str]], int]
NO_ROOM = "RESOURCE_EXHAUSTED"  # in what XLA says where a device's memory runs out
FLAGS = ("--config.", "--noconfig.")  # how the flags begin that set a config's fields


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are UserErrors; it takes no abbreviations, and no option twice."""

    def __init__(self, command: str, description: str) -> None:
        super().__init__(
            prog=f"jgan {command}",
            description=description,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        self.given: set[str] = set()
        self.flags: tuple[str, ...] = ()
        for action in (None, "store"):
            self.register("action", action, _StoreOnce)
        self.register("type", Path, _path)

    def error(self, message: str) -> NoReturn:
        """Raises UserError instead of printing the usage."""
        raise UserError(f"{message}; see {self.prog} --help")

    def parse_with_flags(self, argv: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
        """The options, and what is left of `argv`: flags such as "--config.seed=1" for `jgan.config.override`.

        Raises:
          UserError: an option that is neither the command's nor such a flag, or one that lacks its value.
        """
        self.flags = FLAGS
        return self.parse_known_args(argv)

    def parse_known_args(  # pyright: ignore[reportIncompatibleMethodOverride]  # it has overloads
        self, args: Any = None, namespace: Any = None
    ) -> Any:
        """As argparse has it, but names a mistyped option where argparse would miss the one that was meant."""
        ours = itertools.takewhile(lambda argument: argument != "--", args or ())
        if self._subparsers is not None:  # these look at what follows their names
            ours = itertools.takewhile(lambda argument: argument.startswith("-"), ours)
        self._refuse_unknown(ours)
        return super().parse_known_args(args, namespace)

    def _refuse_unknown(self, arguments: Iterable[str]) -> None:
        known = [name for name in self._option_string_actions if name.startswith("--")]
        for argument in arguments:
            name = argument.partition("=")[0]
            if name.startswith("--") and name not in known and not name.startswith(self.flags):
                raise UserError(f"{name}: unknown option{did_you_mean(name, known)}")


def _path(text: str) -> Path:
    """What `type=Path` makes of an option's value."""
    try:
        return given_path(text)
    except UserError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def run_directory(text: str) -> Path:
    """What `type=run_directory` makes of the directory of a run that is read: a path, or a run fetched from the Hub."""
    from jgan.rundir.fetched import fetch, is_on_hub

    try:
        return fetch(text) if is_on_hub(text) else given_path(text)
    except UserError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def add_run(parser: Parser, **options: Any) -> None:
    """The option --workdir of commands that read a run."""
    what = "directory of the run, or hf://owner/name of the Hugging Face Hub"
    parser.add_argument("--workdir", metavar="DIR", type=run_directory, **{"required": True, "help": what, **options})


class _StoreOnce(argparse.Action):
    """Stores an option's value; refuses an empty one, negative counts, and a second, where argparse takes the last."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Called by argparse for each time that the option is there."""
        assert isinstance(parser, Parser), "registered by it alone"
        if self.option_strings and self.dest in parser.given:
            raise UserError(f"{option_string}: given twice; give it once")
        if values == [] and self.nargs is None:  # argparse leaves out a value that is "--"
            raise UserError(f"{option_string}=--: expected a value")
        if values == "" and self.option_strings:
            raise UserError(f"{option_string}='': expected a value, and it is empty")
        for number in values if isinstance(values, list) else [values]:
            if isinstance(number, int) and not 0 <= number < 2**63:
                least = "no negative number" if number < 0 else "less than 2**63"
                raise UserError(f"{option_string}={number}: expected {least}")
        parser.given.add(self.dest)
        setattr(namespace, self.dest, values)


def program() -> str:
    """How `jgan` is typed in this shell: by its name where that finds this installation, else by its path.

    Where it is not installed, as in a checkout that is run as it is: "python -m jgan".
    """
    beside = Path(sys.executable).with_name("jgan")
    script = Path(sys.argv[0]) if Path(sys.argv[0]).name == "jgan" else beside
    found = shutil.which("jgan")
    if found is not None and script.exists() and Path(found).samefile(script):
        return "jgan"
    if script.is_file():
        return shlex.quote(_below_here(script))
    return f"{_python()} -m jgan"


def _python() -> str:
    """The interpreter as a user would type it here."""
    if os.environ.get("VIRTUAL_ENV") == sys.prefix or not Path(sys.executable).is_relative_to(Path.cwd()):
        return "python"
    return shlex.quote(_below_here(Path(sys.executable)))


def _below_here(path: Path) -> str:
    """Relative to the working directory where it lies below it."""
    absolute = Path.cwd() / path
    return str(absolute.relative_to(Path.cwd()) if absolute.is_relative_to(Path.cwd()) else absolute)


class OneLine(logging.Formatter):
    """Warnings as errors are shown: in one line, without control characters of what they quote."""

    def __init__(self) -> None:
        super().__init__("%(levelname)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's name
        """The line, to which logging adds the traceback where it is given one."""
        return one_line(super().formatMessage(record))


def run(main: Main, *, keeps_memory: bool = True) -> NoReturn:
    """Runs a command's `main(argv)` and exits with its code; bad input exits with 2 and one line on stderr.

    `keeps_memory` suits those that take the same blocks again and again; between blocks of many sizes it leaves gaps.
    """
    from jgan.engine.allocator import keep_memory
    from jgan.engine.compiling import exit_at_once_if_compiling

    # force: libraries that are imported have set up the format with the module's name in it
    logging.basicConfig(level=logging.WARNING, force=True)
    for handler in logging.getLogger().handlers:
        handler.setFormatter(OneLine())
    logging.getLogger("absl").setLevel(logging.ERROR)
    if keeps_memory:
        keep_memory()
    enable_compilation_cache()
    try:
        run_without_jax(_telling_memory(main))
    except SystemExit as end:
        exit_at_once_if_compiling(end.code)
        raise


def _telling_memory(main: Main) -> Main:
    """The command, whose MemoryError is also that of a device."""
    import jax

    def told(argv: Sequence[str]) -> int:
        try:
            return main(argv)
        except jax.errors.JaxRuntimeError as error:
            if NO_ROOM not in str(error):
                raise
            raise MemoryError(str(error).splitlines()[0]) from None

    return told


def run_without_jax(main: Main) -> NoReturn:
    """As `run`, for a command that computes nothing."""
    if signal.getsignal(signal.SIGTERM) != signal.SIG_IGN:
        signal.signal(signal.SIGTERM, _terminate)
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:  # jgan/__init__.py had one of its own until here
        signal.signal(signal.SIGINT, signal.default_int_handler)
    _open_output()
    try:
        with printing_printable():
            code = main(sys.argv[1:])
            sys.stdout.flush()
    except UserError as error:
        print(f"{error_prefix()}: {one_line(str(error))}", file=sys.stderr)
        code = 2
    except KeyboardInterrupt:
        print("interrupted; what was saved before is intact", file=sys.stderr)
        code = 130
    except BrokenPipeError:  # what read the output, such as `head`, has ended
        _drop_output()
        code = 141  # as shells report a program that SIGPIPE ended
    except MemoryError as error:
        reason = one_line(str(error)) or "of the system"
        print(f"{error_prefix()}: not enough memory ({reason}); ask for less at once", file=sys.stderr)
        code = 2
    except OSError as error:
        if error.filename is None and error.errno != errno.ENOSPC:
            raise
        if error.filename is None:
            _drop_output()
        place = "the output" if error.filename is None else error.filename
        print(f"{error_prefix()}: {one_line(f'{place}: {error.strerror}')}", file=sys.stderr)
        code = 2
    sys.exit(code)


def _open_output() -> None:
    """Output that was closed, as by `>&-`, goes nowhere."""
    if sys.stdout is None:  # pyright: ignore[reportUnnecessaryComparison]
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115  # for as long as the process lives


def _drop_output() -> None:
    """What is left to be written is lost; else the interpreter complains at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _terminate(number: int, frame: types.FrameType | None) -> NoReturn:
    """What SIGTERM does until training catches it, and after."""
    del frame
    print("terminated; what was saved before is intact", file=sys.stderr)
    sys.exit(128 + number)


def add_standing_batches(parser: Parser) -> None:
    """The option of commands that sample images."""
    parser.add_argument(
        "--standing_batches",
        metavar="N",
        type=int,
        default=0,
        help="take batch norm's statistics from N fresh batches, not the running ones (BigGAN: 16)",
    )


def stay_on_cpu() -> None:
    """For commands that compute nothing: one that took the accelerators, or their memory, would stop the runs there."""
    import jax

    jax.config.update("jax_platforms", "cpu")


def enable_compilation_cache() -> None:
    """Keeps compiled programs between runs in $JAX_COMPILATION_CACHE_DIR, by default ~/.cache/jgan/xla."""
    import jax

    from jgan.rundir.atomic_files import usable_cache

    place = os.environ.get("JAX_COMPILATION_CACHE_DIR")
    directory = usable_cache("compiled programs are", "xla", Path(place) if place else None)
    jax.config.update("jax_compilation_cache_dir", None if directory is None else str(directory))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
