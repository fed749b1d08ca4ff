"""Sample pictures of image-to-image runs start from held-out data where there are some, and say which."""

import dataclasses
import shutil

import pytest
import translation_runs
from PIL import Image

from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.setup import prepare
from jgan.training.shown import open_shown
from jgan.types import Stage, UserError


def save(directory, count, colour, size=(32, 32)):
    directory.mkdir(parents=True)
    for index in range(count):
        Image.new("RGB", size, (colour, index, 0)).save(directory / f"{index}.png")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Pairs side by side and two domains, each with held-out images, of red 9, and without."""
    root = tmp_path_factory.mktemp("shown")
    for name, folders in {"pairs": ("train", "val"), "alone": ("train",)}.items():
        for folder in folders:
            save(root / name / folder, 8, 9 if folder == "val" else 200, (64, 32))
    for name, folders in {"both": ("train", "test"), "bare": ("train",)}.items():
        for folder in folders:
            for domain in "AB":
                save(root / name / f"{folder}{domain}", 8, 9 if folder == "test" else 200)
    for name in ("pairs", "both"):
        shutil.make_archive(str(root / name), "zip", root / name)
    return root


def shown(source, held_out=""):
    """The red of what pictures start from, and the line that says which."""
    game, _ = translation_runs.CONFIGS["both" if source.startswith("unpaired") else "residual"]
    config = Config(game=game, data=DataConfig(source, channels=3), stages=(Stage(1, 8, 32),))
    evaluation = dataclasses.replace(config.evaluation, held_out=held_out)
    setup = prepare(dataclasses.replace(config, evaluation=evaluation))
    dataset, said = open_shown(setup)
    batch = setup.preview_batch(setup.stages[0], dataset)
    inputs = batch["images_a" if source.startswith("unpaired") else "inputs"]
    return {round(float(red)) for red in ((inputs[:, 0, 0, 0] + 1) * 127.5)}, said


@pytest.mark.parametrize(
    ("source", "held_out", "red", "said"),
    [
        ("pairs:{}/pairs/train", "", 9, "samples: 8 held-out inputs of pairs:{}/pairs/val"),
        ("pairs:{}/alone/train", "", 200, "samples: 8 inputs of the training set; no held-out images were found"),
        ("pairs:{}/alone/train", "pairs:{}/pairs/val", 9, "samples: 8 held-out inputs of pairs:{}/pairs/val"),
        ("unpaired:{}/both", "", 9, "samples: 8 held-out inputs of unpaired:{}/both:test"),
        ("pairs:{}/pairs.zip/train", "", 9, "samples: 8 held-out inputs of pairs:{}/pairs.zip/val"),
        ("unpaired:{}/both.zip", "", 9, "samples: 8 held-out inputs of unpaired:{}/both.zip:test"),
        ("unpaired:{}/bare", "", 200, "samples: 8 inputs of the training set; no held-out images were found"),
    ],
)
def test_pictures_start_from_held_out_images(root, source, held_out, red, said):
    assert shown(source.format(root), held_out.format(root)) == ({red}, said.format(root))


def test_held_out_images_that_cannot_be_used(root, tmp_path):
    for folder in ("train", "val"):
        save(tmp_path / folder, 8, 200, (64, 32))
    for path in (tmp_path / "val").iterdir():
        path.write_bytes(b"no image")
    reds, said = shown(f"pairs:{tmp_path}/train")
    assert reds == {200}
    assert said.startswith("samples: 8 inputs of the training set (")
    with pytest.raises(UserError, match=r"evaluation\.held_out"):
        shown(f"pairs:{root}/alone/train", f"pairs:{tmp_path}/nowhere")
