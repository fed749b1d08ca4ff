"""Images of the page by recipe: those of `jgan sample`, and what is made of several."""

import dataclasses
import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image
from run_directories import make_config, save_run

import jgan
from jgan.explore.favourites import MOST, archive, kept
from jgan.explore.latent_images import LatentImages
from jgan.explore.recipes import Between, Mix, Recipe
from jgan.families.stylegan2 import stylegan2
from jgan.latents.interpolate import slerp
from jgan.types import UserError

CONFIGS = {
    "plain": make_config(),
    "style": make_config(game=stylegan2(8, 16, 8, 1, num_classes=3, mapping_layers=2)),
}


@pytest.fixture(scope="module", params=CONFIGS)
def pair(request, tmp_path_factory):
    """(a run, its images)."""
    workdir = tmp_path_factory.mktemp("explore") / request.param
    save_run(workdir, CONFIGS[request.param], random=True)
    return jgan.open(workdir), LatentImages(CONFIGS[request.param], workdir)


def close(image, other, most=1):
    assert image.shape == other.shape
    assert np.abs(image.astype(int) - other).max() <= most


def test_a_recipe_gives_the_image_of_sample(pair):
    run, images = pair
    for seed in (0, 5):
        close(images.image(images.seeded(seed)), run.sample(6)[seed])
        truncated = dataclasses.replace(images.seeded(seed), truncation=0.4)
        close(images.image(truncated), run.sample(6, truncation=0.4)[seed])
    if images.classes:
        close(images.image(Recipe(5, label="1")), run.sample(6, labels=[1])[5])
        first = dataclasses.replace(images.seeded(5), truncation=0.4, truncation_cutoff=2)
        close(images.image(first), run.sample(6, truncation=0.4, truncation_cutoff=2)[5])


def test_ways_begin_and_end_at_images(pair):
    _, images = pair
    start, end = images.seeded(3), images.seeded(6)
    close(images.image(Between(start, end, 0.0)), images.image(start))
    close(images.image(Between(start, end, 1.0)), images.image(end))
    near, far = (images.neighbours(start, share, 3)[2] for share in (1e-9, 1.0))
    close(images.image(near), images.image(start))
    close(images.image(far), images.image(dataclasses.replace(end, label=start.label)))
    if images.layers:
        for layer, one in ((0, end), (images.layers, start)):
            close(images.image(Mix(start, end, layer)), images.image(one))
        mixed = images.code(Mix(start, end, 1)).values
        np.testing.assert_array_equal(mixed[0], images.code(start).values[0])
        np.testing.assert_array_equal(mixed[1:], images.code(end).values[1:])


def test_what_the_run_does_not_take_is_told(pair):
    _, images = pair
    for recipe, message in (
        (Recipe(-1), "-1 is no number of an image"),
        (Recipe(0, label="giraffe"), "giraffe|unconditional"),
        (Recipe(0, truncation=-1.0), "expected a positive number"),
        (Recipe(0, caption="a seven", label=images.label_of(0), truncation=float("nan")), "positive number"),
    ):
        with pytest.raises(UserError, match=message):
            images.image(recipe)


def test_an_arc_keeps_the_angle_and_the_length():
    start, end = (np.array(rows, np.float32) for rows in ([[1, 0], [2, 0]], [[0, 1], [2, 0]]))
    np.testing.assert_allclose(
        slerp(start, end, np.full((2, 1), 1 / 3)), [[np.cos(np.pi / 6), np.sin(np.pi / 6)], [2, 0]], atol=1e-6
    )


def test_favourites_leave_with_what_they_are_made_of(tmp_path):
    image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    found = kept(kept([], image, Recipe(3, label="a")), image[..., :1], Between(Recipe(1), Recipe(2), 0.25))
    assert kept(found, image, Recipe(3, label="a")) == found
    with zipfile.ZipFile(io.BytesIO(archive(found, tmp_path, 40, "averaged"))) as packed:
        assert packed.namelist() == ["001.png", "002.png", "favourites.json"]
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(packed.read("001.png")))), image)
        record = json.loads(packed.read("favourites.json"))
    assert (record["run"], record["step"]) == (str(tmp_path), 40)
    assert record["images"] == [
        {"file": "001.png", "seed": 3, "label": "a"},
        {"file": "002.png", "between": [{"seed": 1}, {"seed": 2}], "share": 0.25},
    ]
    with pytest.raises(UserError, match="200 images are kept"):
        kept(found[:1] * MOST, image, Recipe(9))
