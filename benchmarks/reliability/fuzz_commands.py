"""Command lines of every command, made from its own parser; a command is stopped where it would begin to compute."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import fuzz_mutations as mutations
import numpy as np
from fuzz_json import CONFIGS, EARLIER, Target, as_program, save_images
from fuzz_judging import Stopped
from hypothesis import strategies as st

from jgan import cli, command
from jgan import config as configs
from jgan.configuration.data import flatten
from jgan.errors import UserError, one_line

# Where a command would begin to compute, or to wait for others.
COMPUTING = (
    "jgan.training.loop.train",
    "jgan.training.dry_run.dry_run",
    "jgan.training.dry_run.simulate",
    "jgan.autoconfig.start.choose_config",
    "jgan.sample.RunSampler.batches",
    "jgan.sweep._run_all",
    "jgan.evaluate.measure",
    "jgan.translate.translate_files",
    "jgan.upscale.translate_files",
    "jgan.compare.lpips.load_lpips",
    "jgan.import_weights.import_networks",
    "jgan.report.draw_plots",
    "jgan.classifier.train_classifier",
    "jgan.data.prepare._write_all",
    "jgan.hub.folder.restore_state",
    "jgan.export.exporting.open_network",
    "jgan.export.exporting.restore_generator",
    "jgan.explore.__main__.bind",
    "jgan.latents.space.LatentSpace.__init__",
    "jgan.engine.processes.initialize",
)
GOES_ON = {"jgan.report.draw_plots": [], "jgan.engine.processes.initialize": None}
FILES = ("run", "images", "images/a/0.png", "data.npz", "weights.pth", "labels.csv", "new", "new/deep", "empty", "gone")
FILES += ("folder:images", "npz:data.npz", "pairs:images", "unpaired:images", "records:run", "mnist5k", "zip:data.npz")
WORDS = (
    "fd",
    "psnr,ssim",
    "fid,kid",
    "psnr_y",
    "a,b",
    "0",
    "-1",
    "3",
    "64",
    "1.5",
    "nan",
    "inf",
    "1e400",
    "true",
    "--",
)
WORDS += (
    "9" * 5000,
    str(2**63),
    "-" + str(2**31),
    "=",
    "x=y",
    "((",
    "(1,2)",
    "a_to_b",
    "dcgan",
    "run",
    "a",
    "0,1",
    ",",
)


USUAL = {
    "train": (
        "--workdir run",
        "images --workdir new",
        "--config dcgan --workdir new npz:data.npz",
        "--from run --workdir new",
    ),
    "configs": ("", "dcgan"),
    "sweep": (
        "--config dcgan_digits --workdir new --grid seed=1,2 --seeds 2",
        "--config dcgan_digits --workdir new --jobs list",
    ),
    "sample": (
        "--workdir run --num 4 --out new",
        "--workdir run --seed 3 --truncation 0.7",
        "--workdir run --step 20 --raw",
    ),
    "translate": ("--workdir run --input images --out new", "--workdir run --input images/a/0.png --out new --tile 8"),
    "upscale": ("--workdir run --input images --out new", "--workdir run --input images/a/0.png --out new --bicubic"),
    "import-weights": (
        "--config dcgan --generator weights.pth --workdir new",
        "--config dcgan --generator data.npz --workdir new",
    ),
    "export-weights": (
        "--workdir run --format stylegan2 --out new",
        "--workdir run --format stylegan3 --files npz --step 20 --out new",
    ),
    "export": (
        "--workdir run --format stablehlo --out new",
        "--workdir run --format safetensors --step 20 --out new",
    ),
    "card": ("--workdir run --out new", "--workdir run --out new --repo a/b --license mit --notes labels.csv"),
    "explore": ("--workdir run --port 0", "--workdir run --embeddings data.npz --step 20"),
    "latents": (
        "interpolate --workdir run --seeds 0-3 --out new.gif",
        "truncate --workdir run --seeds 1,2 --out new.png",
        "neighbours --workdir run --seed 3 --out new.png",
        "mix --workdir run --rows 0-1 --columns 2-3 --out new.png",
        "directions --workdir run --method sefa --out new.npz",
        "edit --workdir run --direction data.npz --out new.png",
        "project --workdir run --images images --out new.npz",
    ),
    "evaluate": ("--images images --reference images --out new --metrics psnr", "--workdir run --metrics fd,pr"),
    "compare": (
        "--images images --reference images",
        "--images images/a --reference images/b --metrics psnr_y --out new",
    ),
    "report": ("--workdir run", "--workdir run run --out new"),
    "classifier": ("--source folder:images --out new.npz", "--source npz:data.npz --test folder:images --out new.npz"),
    "data": (
        "inspect --source folder:images --out new.png",
        "prepare --source npz:data.npz --out new --resolution 8 --workers 1",
        "split --source pairs:images --out new",
    ),
}


class _FoundError(Exception):
    """Carries a command's parser out of it."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        super().__init__()
        self.parser = parser


def parser_of(name: str) -> argparse.ArgumentParser:
    """The parser that a command makes."""

    def found(parser: argparse.ArgumentParser, *_: Any, **__: Any) -> Any:
        raise _FoundError(parser)

    main = importlib.import_module(_module(name)).main
    with mock.patch.object(command.Parser, "parse_known_args", found):
        try:
            main([])
        except _FoundError as carried:
            return carried.parser
    raise AssertionError(f"{name} parses nothing")


def _module(name: str) -> str:
    module = cli.COMMANDS[name].module
    return f"{module}.__main__" if hasattr(importlib.import_module(module), "__path__") else module


def _words(action: argparse.Action) -> st.SearchStrategy[str]:
    """Values of an option: those of its kind, and others."""
    fitting: list[Any] = []
    if action.choices is not None:
        fitting = [str(choice) for choice in action.choices]
    elif action.type is int:
        fitting = ["1", "2", "4", "8", "16", "20", *(str(n) for n in mutations.NUMBERS if isinstance(n, int))]
    elif action.type is float:
        fitting = ["0.1", "0.5", "1.5", *map(str, mutations.NUMBERS), "nan", "inf"]
    elif action.type in (Path, command.run_directory):
        fitting = list(FILES)
    kinds = [st.sampled_from([*FILES, *WORDS]), st.sampled_from(_on_a_command_line(mutations.TEXTS))]
    return st.one_of(*([st.sampled_from(fitting)] * 8 if fitting else []), *kinds, st.text(max_size=5).map(_safe))


def _on_a_command_line(texts: Sequence[str]) -> list[str]:
    """Those that a system passes on, and that lead out of no folder."""
    return [text for text in map(_safe, texts) if ".." not in text and not text.startswith("/")]


def _safe(text: str) -> str:
    return text.replace("\0", "").replace("/", "").replace("~", "")


@st.composite
def _arguments(draw: mutations.Draw, parser: argparse.ArgumentParser, flags: st.SearchStrategy[str]) -> list[str]:
    """What follows a command's name: most of what it requires, options with values, without, mistyped, twice."""
    words: list[str] = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            chosen = draw(st.sampled_from([*action.choices, "inspekt", ""]))
            rest = draw(_arguments(action.choices[chosen], flags)) if chosen in action.choices else []
            return [*words, chosen, *rest]
        if action.dest == "help":
            continue
        if draw(st.integers(0, 9)) >= (9 if action.required or not action.option_strings else 2):
            continue
        words += draw(_given(action))
    for _ in range(draw(st.sampled_from((0, 0, 0, 1, 2)))):
        words.insert(draw(st.integers(0, len(words))), draw(flags))
    return words


@st.composite
def _edited(draw: mutations.Draw, usual: Sequence[str], parser: argparse.ArgumentParser, flags: Any) -> list[str]:
    """A usual command line with up to two words other than they were, and up to two options more."""
    words = draw(st.sampled_from(usual)).split()
    parser = _parser_below(parser, words)
    options = {name: action for action in parser._actions for name in action.option_strings if action.dest != "help"}
    for _ in range(draw(st.sampled_from((0, 0, 1, 1, 2)))):
        place = draw(st.integers(0, len(words)))
        action = options.get(words[place - 1]) if 0 < place < len(words) else None
        how = draw(st.integers(0, 5))
        if how == 0:
            del words[place : place + 1]
        elif how == 1:
            words[place:place] = words[place : place + 2]
        elif action is not None:
            words[place] = draw(_words(action))
        elif how == 2:
            words[place : place + 1] = [draw(flags)]
    for _ in range(draw(st.sampled_from((0, 1, 1, 2))) if options else 0):
        words += draw(st.one_of(flags.map(lambda flag: [flag]), *[_given(options[name]) for name in options]))
    return words


def _parser_below(parser: argparse.ArgumentParser, words: Sequence[str]) -> argparse.ArgumentParser:
    """That of the subcommand that the words begin with, where there is one."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction) and words:
            return action.choices.get(words[0], parser)
    return parser


@st.composite
def _given(draw: mutations.Draw, action: argparse.Action) -> list[str]:
    """An option, with as many values as it takes, or about as many."""
    values = [draw(_words(action)) for _ in range(draw(st.sampled_from((1, 1, 1, 1, 1, 1, 0, 2))))]
    if not action.option_strings:
        return values
    name = action.option_strings[0]
    if draw(st.integers(0, 15)) == 0:
        name = draw(st.sampled_from((name[:-1], f"{name}s", name.replace("_", "-"), name.upper(), name[1:])))
    if action.nargs == 0:
        return [name]
    return [f"{name}={values[0]}"] if values and draw(st.booleans()) else [name, *values]


def _config_flags() -> st.SearchStrategy[str]:
    """Flags that set the fields of configs, right ones and others."""
    fields = sorted({path for name in CONFIGS[:3] for path in flatten(configs.read_config(name, []))})
    values = st.sampled_from([*(str(value) for value in mutations.ODD if not isinstance(value, str)), *WORDS, *FILES])
    odd = st.sampled_from(
        ["--config.", "--config.=", "--config.x=1", "--noconfig.x", "--config.stages[9].steps=1", "-x"]
    )
    flag = st.builds("--config.{}={}".format, st.sampled_from(fields), values)
    return st.one_of(flag, flag, odd, st.sampled_from(WORDS))


def command_lines(name: str) -> Callable[[Path], Target]:
    """Those of one command."""

    def make(folder: Path) -> Target:
        _furnish(folder)
        module, parser = importlib.import_module(_module(name)), parser_of(name)
        takes_flags = name in ("train", "sweep", "import-weights")
        flags = _config_flags() if takes_flags else st.sampled_from(WORDS)

        def take(argv: list[str]) -> None:
            _clear(folder)
            with _stopped():
                try:
                    as_program(module.main, argv)
                except UserError as error:
                    _check_names(str(error), argv, has_config=takes_flags)
                    raise

        usual = _edited(USUAL[name], parser, flags)
        return Target(st.one_of(usual, usual, usual, _arguments(parser, flags)), take, ("--", "error: "))

    return make


def _check_names(line: str, argv: list[str], *, has_config: bool) -> None:
    """Raises AssertionError where an error tells of no option, or of a config's field that the command has not."""
    values = [*argv, *" ".join(argv).replace("=", " ").split()]
    if "--" not in line and "''" not in line and not any(value and one_line(value[:20]) in line for value in values):
        raise AssertionError(f"names no option and no value of one: {line}")
    if not has_config and re.search(r"error: (data|game|stages|evaluation)[.[][a-z_0-9.\]]+(=| is )", line):
        raise AssertionError(f"names a field that the command has not: {line}")


@contextlib.contextmanager
def _stopped() -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for place in COMPUTING:
            changes: dict[str, Any] = {"return_value": GOES_ON[place]} if place in GOES_ON else {"side_effect": Stopped}
            stack.enter_context(mock.patch(place, **changes))
        yield


def _furnish(folder: Path) -> None:
    """What the words of command lines name."""
    shutil.copytree(EARLIER, folder / "run")
    save_images(
        folder / "images", [f"{part}/{n}.png" for part in ("a", "b", "A", "B", "trainA", "trainB") for n in "01"]
    )
    np.savez(folder / "data.npz", images=np.zeros((4, 8, 8, 1), np.uint8), labels=np.arange(4) % 2)
    shutil.copy(EARLIER.parent / "weights_zip.pth", folder / "weights.pth")
    (folder / "labels.csv").write_text("file,label\na.png,0\n")
    (folder / "empty").mkdir()


def _clear(folder: Path) -> None:
    """Removes what the command before has made."""
    kept = {"run", "images", "data.npz", "weights.pth", "labels.csv", "empty"}
    for path in [*folder.iterdir(), *(folder / "empty").iterdir(), *(folder / "run").iterdir()]:
        if path.parent == folder and path.name in kept:
            continue
        if path.parent.name == "run" and (EARLIER / path.name).exists():
            continue
        shutil.rmtree(path) if path.is_dir() else path.unlink()


KINDS = {f"jgan {name}": command_lines(name) for name in cli.COMMANDS}
