"""Walks: arcs beside scipy's, classes mixed as by hand, and films as other libraries read them."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import runs
from latent_runs import opened
from PIL import Image
from scipy.spatial import geometric_slerp

from jgan.latents import moving_pictures
from jgan.latents.interpolate import slerp
from jgan.layers.blend import Blend, one_hot
from jgan.layers.dense import Embed
from jgan.layers.norm import ConditionalBatchNorm
from jgan.types import UserError


@pytest.fixture
def pairs(tmp_path_factory):
    """Of a kind, (a run, its latent space)."""
    return functools.partial(opened, tmp_path_factory=tmp_path_factory)


def close(images, others):
    """Rounded to 8 bits, float error may fall to either side of a half."""
    assert np.abs(images.astype(int) - others.astype(int)).max() <= 1
    assert np.ptp(images) > 20


def test_arcs_are_those_of_scipy():
    random = np.random.default_rng(0)
    first, second = (vector / np.linalg.norm(vector) for vector in random.normal(size=(2, 5)))
    shares = np.linspace(0, 1, 7)
    found = slerp(*(np.repeat(vector[None], 7, axis=0) for vector in (first, second)), shares[:, None])
    np.testing.assert_allclose(found, geometric_slerp(first, second, shares), atol=1e-12)
    longer = slerp(3 * first[None], 3 * second[None], np.full((1, 1), 0.3))
    np.testing.assert_allclose(np.linalg.norm(longer), 3.0, rtol=1e-12)
    np.testing.assert_allclose(slerp(first[None], first[None], np.full((1, 1), 0.3)), first[None], rtol=1e-12)
    with pytest.raises(UserError, match="path=slerp: two of the latents are opposite"):
        slerp(first[None], -first[None], np.full((1, 1), 0.3))


class Norm(nn.Module):
    """Of classes, on fixed features."""

    @nn.compact
    def __call__(self, labels):
        x = jnp.arange(8.0).reshape(2, 2, 2) ** 2
        return ConditionalBatchNorm(4)(x, labels, False)


@pytest.mark.parametrize("module", [Embed(4, 3), Norm()], ids=["embedding", "norm"])
def test_a_class_in_between_is_one_with_the_mean_of_their_numbers(module):
    first, second, share = jnp.array([0, 3]), jnp.array([1, 1]), jnp.array([[0.25], [0.6]])
    variables = module.init(jax.random.key(0), first)
    noise = np.random.default_rng(0)
    params = jax.tree.map(lambda leaf: leaf + noise.normal(size=leaf.shape), variables["params"])
    # Rows 0 and 3 of each table become what lies between.
    mixed = jax.tree.map(lambda leaf: leaf.at[first].set(share * leaf[first] + (1 - share) * leaf[second]), params)
    found = module.apply({**variables, "params": params}, Blend(first, second, share))
    np.testing.assert_allclose(found, module.apply({**variables, "params": mixed}, first), atol=1e-5)
    np.testing.assert_allclose(one_hot(Blend(first, second, share), 4)[1], [0, 0.4, 0, 0.6], atol=1e-7)


def test_a_walk_passes_its_images(pairs):
    for kind, captions in (("plain", None), ("conditional", None), ("style", None), ("vectors", np.eye(3, 3))):
        run, space = pairs(kind)
        captions = None if captions is None else captions.astype(np.float32)
        frames = run.interpolate([4, 2, 9], frames=2, captions=captions, loop=True)
        labels = captions if captions is not None else space.labels([4, 2, 9])
        close(frames[::2], space.images(space.latents([4, 2, 9]), labels))
        assert len(run.interpolate([4, 2, 9], frames=2, captions=captions)) == 5
    styles = pairs("style")[1]
    own = styles.styles(styles.latents([4, 2]), styles.labels([4, 2]))
    close(pairs("style")[0].interpolate([4, 2], frames=2)[1][None], styles.images_of_styles(own.mean(0)[None]))
    run, space = pairs("conditional")
    frames = run.interpolate([4], labels=[0, 1], frames=2)
    close(frames[[0, 2]], space.images(space.latents([4, 4]), np.array([0, 1])))
    assert not np.array_equal(frames[0], frames[1])


REFUSED = [
    ("plain", {"seeds": [3]}, "seeds: one image"),
    ("plain", {"seeds": [3, 4], "space": "w"}, "space=w: this run has no styles"),
    ("style", {"seeds": [3, 4], "path": "slerp"}, "path=slerp: styles are not normal"),
    ("plain", {"seeds": [3, 4], "path": "arc"}, "path=arc: expected slerp or lerp"),
    ("plain", {"seeds": [3, 4], "frames": 0}, "frames=0: expected 1"),
    ("plain", {"seeds": [3, 4], "labels": [1]}, "labels: this run is unconditional"),
    ("vectors", {"seeds": [3, 4]}, "no caption: this run generates images from captions"),
]


@pytest.mark.parametrize(("kind", "arguments", "message"), REFUSED)
def test_what_a_run_does_not_have_is_named(pairs, kind, arguments, message):
    with pytest.raises(UserError, match=message):
        pairs(kind)[0].interpolate(**arguments)


def test_films_are_what_their_names_say(pairs, tmp_path):
    av = pytest.importorskip("av")
    workdir = pairs("plain")[0].workdir
    for name, flags in (("a.mp4", ["--size", "33"]), ("b.gif", []), ("c.webp", ["--resampling", "bicubic"])):
        out = tmp_path / name
        words = ["interpolate", "--workdir", workdir, "--seeds", "1,2", "--frames", "4", "--out", out]
        code, _, err = runs.call("jgan.latents.__main__", *words, *flags)
        assert code == 0, err
        assert out.with_suffix(".png").is_file()
    with av.open(str(tmp_path / "a.mp4")) as film:
        context = film.streams.video[0].codec_context
        assert (context.name, context.pix_fmt, context.width, context.height) == ("h264", "yuv420p", 34, 34)
        assert len(list(film.decode(video=0))) == 5
    for name in ("b.gif", "c.webp"):
        with Image.open(tmp_path / name) as film:
            assert (film.n_frames, film.size) == (5, (256, 256))
    (tmp_path / "b.webp").write_bytes(b"of another")
    again = ["interpolate", "--workdir", workdir, "--seeds", "1,2", "--overwrite", "--out", tmp_path / "b.webp"]
    code, _, err = runs.call("jgan.latents.__main__", *again)
    assert code == 2
    assert "b.webp: is there already, and b.png does not tell of it" in err


def test_an_mp4_keeps_its_pixels(tmp_path):
    av = pytest.importorskip("av")
    images = np.zeros((3, 16, 16, 3), np.uint8)
    images[:, :, 8:] = 200
    moving_pictures.write_film(tmp_path / "a.mp4", images, (64, 64), 10, "nearest")
    with av.open(str(tmp_path / "a.mp4")) as film:
        frame = next(film.decode(video=0)).to_ndarray(format="rgb24")
    assert np.abs(frame[8:-8, 40:56].astype(int) - 200).max() < 12  # of the standard's conversion and compression
    assert frame[8:-8, 8:24].max() < 12
