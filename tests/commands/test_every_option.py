"""Every option of every command with values that it cannot have: one line that names it, and nothing is computed."""

import argparse
import contextlib
import shutil
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import runs
import translation_runs
from conftest import use_devices
from PIL import Image
from run_directories import make_config, save_run
from tables import assert_rows

from jgan import cli, command
from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.families.stylegan2 import stylegan2
from jgan.latents.found import Directions
from jgan.types import Stage, UserError

# A command line of each that is right, of which one option at a time is not.
RIGHT = {
    "train": "--config dcgan_digits --workdir new",
    "configs": "",
    "sweep": "--config dcgan_digits --workdir new --grid game.r1_gamma=1,2",
    "sample": "--workdir run --out new",
    "translate": "--workdir both --direction a_to_b --input photos --out new",
    "upscale": "--workdir enlarging --input photos --out new",
    "import-weights": "--config dcgan --generator weights.npz --workdir new",
    "export": "--workdir run --format stablehlo --out new",
    "export-weights": "--workdir styles --format stylegan2 --out new",
    "explore": "--workdir run",
    "card": "--workdir run --out new",
    "evaluate": "--workdir run --metrics fd --out new",
    "compare": "--images photos --reference photos",
    "report": "--workdir run",
    "classifier": "--source folder:photos --out new.npz",
    "latents interpolate": "--workdir run --out new.gif",
    "latents truncate": "--workdir run --out new.png",
    "latents neighbours": "--workdir run --out new.png",
    "latents classes": "--workdir styles --out new.png",
    "latents project": "--workdir run --images photos --out new.npz",
    "latents mix": "--workdir styles --out new.png",
    "latents directions": "--workdir run --method sefa --out new.npz",
    "latents edit": "--workdir run --direction directions.npz --out new.png",
    "data inspect": "--source folder:photos --out new.png",
    "data prepare": "--source folder:photos --out new --resolution 8",
    "data split": "--source pairs:pairs --out new",
}
COMPUTING = (
    "jgan.training.loop.train",
    "jgan.training.dry_run.dry_run",
    "jgan.sweep._run_all",
    "jgan.sample.RunSampler.batches",
    "jgan.inference.image_files._translated",
    "jgan.import_weights.import_networks",
    "jgan.published.exporting._variables",
    "jgan.evaluation.measure.Collector",
    "jgan.hub.folder._copy_run",
    "jgan.export.exporting.make_stablehlo",
    "jgan.latents.space.LatentSpace.latents",
    "jgan.compare.lpips.load_lpips",
    "jgan.report.draw_plots",
    "jgan.classifier.train_classifier",
    "jgan.data.__main__.contact_sheet",
    "jgan.data.prepare._write_all",
    "jgan.data.split._write",
)
TEXTS = {int: ("", "x", "1.5", "-1", "nan", "9" * 400), float: ("", "x", "nan", "1,5")}
IS_MADE = {"--out", "--workdir"}  # places that a command may make
ANY_TEXT = {"--labels", "--caption", "--part", "--grid", "--task", "--family"}
ANY_TEXT |= {"--title", "--license", "--data_name", "--data_license"}  # what they may be depends on more
NOT_READ = {  # where the command line that is right does not ask for them, or asks for others first
    *(
        "--captions",
        "--embeddings",
        "--from",
        "--mask",
        "--weights",
        "--classifier",
        "--generator_b",
        "--discriminator",
    ),
    *("--backbone", "--heads", "--niqe_params", "--images"),
}
MORE = {  # of a number that can be read, and is out of range all the same
    "--num": ("0", str(2**40)),
    "--batch_size": ("0", str(10**12)),  # memory: tests/engine/test_memory.py
    "--standing_batches": (str(10**12), str(2**62)),
    "--truncation": ("-1", "0", "inf"),
    "--tile": ("31",),
    "--frames": ("0", str(2**40)),
    "--fps": ("0", "51"),
    "--size": ("1", str(2**40)),
    "--overlap": (str(2**40),),
    "--step": ("7",),
    "--steps": ("0",),
    "--seeds": ("0", str(2**40)),
    "--num_samples": ("0", str(10**12)),
    "--num_reference": ("0", str(10**12)),
    "--resolution": ("0", str(2**40)),
    "--workers": ("0", str(2**40)),
    "--background": ("256",),
    "--channels": ("7",),
    "--crop": (str(2**40),),
    "--devices": ("0", "1,,2", "a"),
}
LISTS = {  # of several numbers
    "--strengths": ("", "x", "1,", "3..-3", "0..1e9", "nan", "1e9"),
    **dict.fromkeys(
        ("--seeds", "--rows", "--columns"), ("", "x", "1,", "-1", "5-3", "0-99999999", str(2**30), "9" * 400)
    ),
    "--layers": ("", "x", "-1", "5-3", "0-4", "9" * 400),
    "--distances": ("", "x", "1,", "-1", "2", "nan"),
    "--truncations": ("", "x", "1,", "-1", "0", "nan", "inf"),
}


class StoppedError(Exception):
    """Where a command would begin to compute."""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Runs and images of all kinds that the command lines name."""
    directory = tmp_path_factory.mktemp("options")
    with pytest.MonkeyPatch.context() as patch:
        use_devices(patch, 1)
        save_run(directory / "run", make_config())
        styles = stylegan2(8, base=16, most=4, image_channels=1, num_classes=2, mapping_layers=1)
        save_run(directory / "styles", Config(game=styles, data=DataConfig(channels=1), stages=(Stage(1, 2, 8),)))
        for name in ("enlarging", "both"):
            game, data = translation_runs.CONFIGS[name]
            stages = (Stage(steps=1, batch_size=2, resolution=32),)
            save_run(directory / name, Config(game=game, data=data, stages=stages))
    for name in ("photos/x/a.png", "photos/y/b.png", "pairs/A/a.png", "pairs/B/a.png"):
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(directory / name)
    np.savez(directory / "weights.npz", a=np.zeros(1))
    about = ("z", "sefa", ("eigenvector 0",), "eigenvalue", (1.0,), None, {}, "run", 0, 64 * "0")
    Directions(np.eye(4, dtype=np.float32)[:1], np.ones(1, np.float32), *about).save(directory / "directions.npz")
    return directory


def parser_of(name):
    """A command's main and its parser."""
    command_name, *verb = name.split()
    module, found = runs.module_of(cli.COMMANDS[command_name].module), []
    if verb:
        return module.main, verbs_of(module)[verb[0]]

    def catch(parser, *_):
        found.append(parser)
        raise StoppedError

    with mock.patch.object(command.Parser, "parse_known_args", catch), pytest.raises(StoppedError):
        module.main([])
    return module.main, found[0]


def verbs_of(module):
    """The parsers of a command's verbs, {} of one without."""
    actions = module._parser()._actions if hasattr(module, "_parser") else []
    verbs = [one.choices for one in actions if isinstance(one, argparse._SubParsersAction)]
    return verbs[0] if verbs else {}


def wrong_values(action):
    """Texts that an option cannot have."""
    name = action.option_strings[-1]
    if action.nargs == 0:
        return ["yes"]
    if action.type is command.run_directory:
        return ["", "hf://nonsense", "gs://bucket/run"]
    if action.type is Path:
        return [""] + (["gone/x"] if name not in IS_MADE | NOT_READ else [])
    if action.type in TEXTS:
        return [*TEXTS[action.type], *MORE.get(name, ())]
    if action.choices is not None:
        return ["", "nonsense"]
    return list(LISTS.get(name, () if name in ANY_TEXT | NOT_READ else ("", "nonsense")))


def lines(name, parser):
    """(option, command line) of every option with every wrong value, twice, and without a value."""
    words = RIGHT[name].split()
    for action in parser._actions:
        if not action.option_strings or action.dest == "help":
            continue
        option = action.option_strings[-1]
        others = list(words)
        if option in others:
            at = others.index(option)
            del others[at : at + 2]
        for value in wrong_values(action):
            yield option, [*others, f"{option}={value}"]
        if action.nargs != 0:
            yield option, [*others, option]
            if type(action) is command._StoreOnce and action.nargs is None:
                yield option, [*others, f"{option}=1", f"{option}=1"]


def test_every_command_has_a_line():
    verbs = {name: verbs_of(runs.module_of(entry.module)) for name, entry in cli.COMMANDS.items()}
    lines = {f"{name} {verb}".strip() for name, choices in verbs.items() for verb in choices or [""]}
    assert_rows(set(RIGHT), lines, "RIGHT")


@pytest.mark.parametrize("name", RIGHT)
def test_no_option_takes_what_it_cannot_have(name, place, monkeypatch):
    monkeypatch.chdir(place)
    use_devices(monkeypatch, 1)
    main, parser = parser_of(name)
    first, wrong, before = name.split()[1:], [], {path.name for path in place.iterdir()}
    with contextlib.ExitStack() as patches:
        for function in COMPUTING:
            patches.enter_context(mock.patch(function, side_effect=StoppedError))
        for option, words in lines(name, parser):
            try:
                main([*first, *words])
                wrong.append(f"{words}: was taken")
            except UserError as error:
                text = str(error)
                if "\n" in text or not (option in text or "gone/x" in text):
                    wrong.append(f"{words}: {text}")
            except Exception as error:
                wrong.append(f"{words}: {type(error).__name__}: {error}")
            if left := {path.name for path in place.iterdir()} - before:
                wrong.append(f"{words}: left {', '.join(left)}")
                for name in left:
                    shutil.rmtree(place / name) if (place / name).is_dir() else (place / name).unlink()
    assert not wrong, "\n".join(wrong)
