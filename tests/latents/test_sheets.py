"""Truncations, neighbours, classes and mixed styles: images of latents and styles that are made by hand here."""

import functools

import numpy as np
import pytest
import runs
from conftest import use_devices
from latent_runs import opened
from PIL import Image

from jgan.types import UserError

SEEDS = [4, 1, 9]


@pytest.fixture
def pairs(tmp_path_factory):
    """Of a kind, (a run, its latent space)."""
    return functools.partial(opened, tmp_path_factory=tmp_path_factory)


def close(images, others):
    """Rounded to 8 bits, float error may fall to either side of a half."""
    assert np.abs(images.astype(int) - others.astype(int)).max() <= 1
    assert np.ptp(images) > 20


@pytest.mark.parametrize("kind", ["plain", "style"])
def test_each_row_is_a_truncation_of_the_same_images(pairs, kind):
    run, space = pairs(kind)
    images = run.truncate(SEEDS, [0.3, None])
    labels = space.labels(SEEDS)
    close(images[0], space.images(space.latents(SEEDS, 0.3), labels, 0.3))
    close(images[1], space.images(space.latents(SEEDS), labels))
    assert np.abs(images[0].astype(int) - images[1]).max() > 5
    assert len(run.truncate(SEEDS)) == {"plain": 5, "style": 4}[kind]


@pytest.mark.slow
def test_standing_statistics_are_those_of_sample(pairs, monkeypatch):
    use_devices(monkeypatch, 1)  # as the runs were opened on
    run, _ = pairs("conditional")
    (images,) = run.truncate(SEEDS, [0.3], standing_batches=1)
    close(images, run.sample(10, truncation=0.3, standing_batches=1)[SEEDS])
    with pytest.raises(UserError, match="standing_batches: this run's generator has no batch norm"):
        pairs("plain")[0].truncate(SEEDS, [0.3], standing_batches=1)


def test_neighbours_lie_on_the_way_to_the_next_images(pairs):
    run, space = pairs("conditional")
    images = run.neighbours(4, [0.0, 0.6, 1.0], num=2)
    first, *others = space.latents([4, 5, 6])
    assert images.shape[:2] == (3, 2)
    for column, other in enumerate(others):
        between = 0.8 * first + 0.6 * other  # 0.8^2 + 0.6^2 = 1
        close(images[:, column], space.images(np.stack([first, between, other]), np.full(3, 4)))


def test_classes_are_columns(pairs):
    run, space = pairs("style")
    images = run.classes(SEEDS, labels=[2, 0])
    for column, label in enumerate([2, 0]):
        close(images[:, column], space.images(space.latents(SEEDS), np.full(3, label)))
    assert run.classes(SEEDS).shape[:2] == (3, 3)
    vectors = np.eye(3, dtype=np.float32)
    with_captions, words = pairs("vectors")
    shown = with_captions.classes(SEEDS, captions=vectors)
    close(shown[:, 1], words.images(words.latents(SEEDS), vectors[[1, 1, 1]]))
    with pytest.raises(UserError, match="this run is unconditional"):
        pairs("plain")[0].classes(SEEDS)


def test_chosen_layers_have_the_styles_of_columns(pairs):
    run, space = pairs("style")
    images = run.mix([3, 4], SEEDS, layers=(1, 2), truncation=0.5)
    rows, columns = (space.styles(space.latents(seeds), space.labels(seeds), 0.5) for seeds in ([3, 4], SEEDS))
    close(images[1:, 0], space.images_of_styles(rows))
    close(images[0, 1:], space.images_of_styles(columns))
    mixed = np.concatenate([rows[1:, :1], columns[2:, 1:3], rows[1:, 3:]], axis=1)
    close(images[2, 3][None], space.images_of_styles(mixed))
    finer = np.concatenate([rows[:1, :2], rows[1:, 2:]], axis=1)  # by default
    close(run.mix([3], [4], truncation=0.5)[1, 1][None], space.images_of_styles(finer))
    with pytest.raises(UserError, match="layers=2-4: this run has layers 0 to 3"):
        run.mix([3], SEEDS, layers=[2, 4])
    with pytest.raises(UserError, match="this run has no styles"):
        pairs("plain")[0].mix([3], SEEDS)


def test_a_picture_is_replaced_only_where_that_is_said(pairs, tmp_path):
    workdir, out = pairs("plain")[0].workdir, tmp_path / "new" / "sheet.png"

    def call(*arguments):
        return runs.call("jgan.latents.__main__", *arguments, "--workdir", workdir, "--out", out)

    for seeds, flags, code in (("0-2", [], 0), ("0-2", [], 0), ("3,4", [], 2), ("3,4", ["--overwrite"], 0)):
        done = call("truncate", "--truncations", "0.5,none", "--seeds", seeds, *flags)
        assert done[0] == code, done
        assert code == 0 or "was made by other weights or settings" in done[2]
    with Image.open(out) as picture:
        assert picture.mode == "L"
    Image.new("L", (3, 3)).save(out)
    code, _, err = call("neighbours", "--overwrite")
    assert code == 2
    assert "is not a picture of jgan latents" in err
