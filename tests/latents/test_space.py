"""Latents by seed, and their images: those of `jgan sample`, for every kind of latent family."""

import jax
import numpy as np
import pytest
from latent_runs import opened

from jgan.types import UserError

SEEDS = [7, 0, 3, 3, 11, 6, 1, 2, 4, *range(12), 5]  # more than a batch


@pytest.fixture(params=["plain", "conditional", "style"])
def pair(request, tmp_path_factory):
    """(a run, its latent space)."""
    return opened(request.param, tmp_path_factory)


def close(images, others):
    """Rounded to 8 bits, float error may fall to either side of a half."""
    assert np.abs(images.astype(int) - others.astype(int)).max() <= 1
    assert np.ptp(images) > 20


def test_a_seed_is_the_number_of_an_image_of_sample(pair):
    run, space = pair
    labels = space.labels(SEEDS)
    latents = space.latents(SEEDS)
    np.testing.assert_array_equal(latents, run.latents(12)[SEEDS])
    images = space.images(latents, labels)
    assert (images.dtype, images.shape[1:]) == (np.uint8, space.image_shape)
    close(images, run.sample(12)[SEEDS])
    moved = space.images(space.latents(SEEDS, 0.4), labels, 0.4)
    close(moved, run.sample(12, truncation=0.4)[SEEDS])
    assert np.abs(moved.astype(int) - images).max() > 5
    if labels is not None:
        np.testing.assert_array_equal(space.labels(SEEDS[:5], ["2", 1]), [2, 1, 2, 1, 2])
        close(space.images(latents, space.labels(SEEDS, [2])), run.sample(12, labels=[2])[SEEDS])


def test_styles_come_between_latents_and_images(pair):
    run, space = pair
    latents, labels = space.latents(SEEDS), space.labels(SEEDS)
    if not space.has_styles:
        for call in (space.styles, space.images_of_styles):
            with pytest.raises(UserError, match="styles: this run has no styles"):
                call(latents)
        return
    styles = space.styles(latents, labels)
    assert styles.shape == (len(SEEDS), *space.style_shape) == (22, 4, 8)
    close(space.images_of_styles(styles), run.sample(12)[SEEDS])
    np.testing.assert_allclose(space.styles(latents, labels, 0.3), 0.3 * styles + 0.7 * space.average_style, atol=1e-5)
    slope = jax.grad(lambda styles: space.synthesize(space.player, styles).sum())(styles[:1])
    assert np.abs(np.asarray(slope)).max(axis=(0, 2)).all()
    with pytest.raises(UserError, match=r"styles: an array \[22, 3, 8\] .* this run takes floats \[n, 4, 8\]"):
        space.images_of_styles(styles[:, 1:])


def test_what_is_no_seed_or_no_latent_is_named(pair):
    run, space = pair
    latents, labels = space.latents([0]), space.labels([0])
    for seeds, message in (([], "at least one"), ([-1], "-1 is no number of an image"), ([2**30], "1073741824 is no")):
        with pytest.raises(UserError, match=message):
            space.latents(seeds)
    with pytest.raises(UserError, match="latents: an array"):
        space.images(latents[:, 1:], labels)
    with pytest.raises(UserError, match="labels: "):
        space.images(latents, None if run.config.game.num_classes else [1])
    with pytest.raises(UserError, match="truncation=-1"):
        space.images(latents, labels, -1.0)
