"""GAN-CLS: its encoder beside PyTorch's, its loss by hand, and a run that draws captions."""

import dataclasses
import json
import re

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import runs
from golden_numbers import load_golden
from PIL import Image
from small_game import BATCH, RNGS, STAGE, make_state

import jgan
from jgan.families.dcgan import dcgan
from jgan.families.text import Discriminator, Generator, text
from jgan.games.text import TextGAN
from jgan.inference.given_captions import encode_captions, given_texts, vectors_of_file
from jgan.layers.blend import Blend
from jgan.layers.caption_encoder import CaptionEncoder
from jgan.rundir.pictures import to_uint8
from jgan.types import Stage, UserError

WORDS = np.array([[3, 1, 2, 0], [2, 0, 0, 0], [1, 1, 3, 2], [2, 0, 0, 0]], np.int32)  # captions 1 and 3 are equal
LEVELS = np.array([0.5, -1.0, 2.0, -0.25], np.float32)
BATCH_OF_WORDS = {"images": np.broadcast_to(LEVELS[:, None, None, None], (BATCH, 8, 8, 1)), "captions": WORDS}


class Teller(nn.Module):
    """Images as bright as their caption says."""

    vocabulary: int = 3

    @nn.compact
    def __call__(self, latents, labels=None, *, train):
        gain = self.param("gain", nn.initializers.ones_init(), ())
        return jnp.broadcast_to((gain * brightness(labels))[:, None, None, None], (len(latents), 8, 8, 1))


class Matcher(nn.Module):
    """Logits: how bright the image is, times its caption's."""

    vocabulary: int = 3

    @nn.compact
    def __call__(self, images, labels=None, *, train):
        gain = self.param("gain", nn.initializers.ones_init(), ())
        return gain * images.mean((1, 2, 3)) * brightness(labels)


def brightness(captions):
    """The mean of a caption's ids, of a blend that of both."""
    if isinstance(captions, Blend):
        return captions.share * brightness(captions.first) + (1 - captions.share) * brightness(captions.second)
    return captions.mean(axis=1)


def game_of(**settings):
    return TextGAN(Teller(), Matcher(), latent_dim=2, **settings)


def losses(game, batch):
    state = make_state(game, batch)
    found = {}
    for name in ("discriminator", "generator"):
        loss = jax.jit(getattr(game, f"{name}_loss"), static_argnums=0)
        found[name] = loss(STAGE, getattr(state, name).params, state, batch, RNGS)
    return {name: (float(loss), {k: float(v) for k, v in logs.items()}) for name, (loss, (logs, _)) in found.items()}


def minus_log(probability):
    return -np.log(probability)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_the_matching_aware_loss_by_hand():
    said = WORDS.mean(axis=1)
    right, fake = sigmoid(LEVELS * said), sigmoid(said * said)
    wrong = sigmoid(LEVELS * np.roll(said, 1))  # example i is set beside the caption of i - 1
    expected = minus_log(right).mean() + (minus_log(1 - wrong).mean() + minus_log(1 - fake).mean()) / 2
    loss, metrics = losses(game_of(), BATCH_OF_WORDS)["discriminator"]
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    np.testing.assert_allclose(metrics["logits_wrong"], (LEVELS * np.roll(said, 1)).mean(), rtol=1e-5)


def test_a_neighbours_equal_caption_is_not_called_wrong():
    captions = WORDS[[0, 1, 3, 2]]  # now 1 and 2 are neighbours
    said = captions.mean(axis=1)
    counted = [0, 1, 3]
    right, fake = sigmoid(LEVELS * said), sigmoid(said * said)
    wrong = sigmoid(LEVELS * np.roll(said, 1))[counted]
    expected = minus_log(right).mean() + (minus_log(1 - wrong).mean() + minus_log(1 - fake).mean()) / 2
    np.testing.assert_allclose(
        losses(game_of(), BATCH_OF_WORDS | {"captions": captions})["discriminator"][0], expected, rtol=1e-5
    )
    alike = BATCH_OF_WORDS | {"captions": WORDS[[1, 1, 1, 1]]}
    right, fake = sigmoid(LEVELS * said[1]), sigmoid(said[1] * said[1])
    expected = minus_log(right).mean() + minus_log(1 - fake) / 2  # no pair is known to be wrong
    np.testing.assert_allclose(losses(game_of(), alike)["discriminator"][0], expected, rtol=1e-5)


def test_blended_captions_by_hand():
    said = WORDS.mean(axis=1)
    mixed = 0.25 * said + 0.75 * np.roll(said, 1)
    plain, blended = minus_log(sigmoid(said * said)).mean(), minus_log(sigmoid(mixed * mixed)).mean()
    loss, metrics = losses(game_of(blend_weight=2.0, blend_share=0.25), BATCH_OF_WORDS)["generator"]
    np.testing.assert_allclose([loss, metrics["blended"]], [plain + 2 * blended, blended], rtol=1e-5)
    np.testing.assert_allclose(losses(game_of(), BATCH_OF_WORDS)["generator"][0], plain, rtol=1e-5)


def test_the_encoder_reads_as_pytorchs_gru():
    script, numbers = load_golden("captions")
    units, arrays = script.UNITS, script.draw()
    encoder = CaptionEncoder(script.VOCABULARY, units, 4)
    params = jax.device_get(encoder.init(jax.random.key(0), WORDS)["params"])
    project = {"kernel": params["project"]["kernel"], "bias": np.full(4, 0.3, np.float32)}
    reader = {"embedding": {"embedding": arrays["embedding"]}}
    for name, suffix in (("forward", ""), ("backward", "_reverse")):
        kernels = {side: np.split(arrays[f"weight_{side}_l0{suffix}"], 3) for side in ("ih", "hh")}
        biases = {side: np.split(arrays[f"bias_{side}_l0{suffix}"], 3) for side in ("ih", "hh")}
        cell = reader[name] = {}
        for place, gate in enumerate("rzn"):
            cell[f"i{gate}"] = {"kernel": kernels["ih"][place].T, "bias": biases["ih"][place]}
            cell[f"h{gate}"] = {"kernel": kernels["hh"][place].T}
        for place, gate in enumerate("rz"):  # where PyTorch has two biases that are added
            cell[f"i{gate}"]["bias"] = biases["ih"][place] + biases["hh"][place]
        cell["hn"]["bias"] = biases["hh"][2]
    variables = {"params": {"words": reader, "project": project}}
    assert jax.tree.map(np.shape, variables["params"]) == jax.tree.map(np.shape, params)
    expected = np.array(numbers["means"]) @ project["kernel"] + project["bias"]
    expected = np.where(expected > 0, expected, 0.2 * expected)
    np.testing.assert_allclose(encoder.apply(variables, WORDS), expected, rtol=1e-4, atol=1e-5)  # float32, 4 steps
    longer = np.pad(WORDS, ((0, 0), (0, 3)))
    np.testing.assert_allclose(encoder.apply(variables, longer), encoder.apply(variables, WORDS), rtol=1e-5, atol=1e-6)
    blend = Blend(WORDS, WORDS[::-1], jnp.float32(0.25))
    mixed = 0.25 * expected + 0.75 * expected[::-1]
    np.testing.assert_allclose(encoder.apply(variables, blend), mixed, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_every_parameter_of_the_real_networks_learns():
    """Words with GAN-INT and two images a caption, and vectors; another caption is another image."""
    images = np.tanh(np.random.default_rng(0).normal(size=(BATCH, 16, 16, 1))).astype(np.float32)
    vectors = np.random.default_rng(1).normal(size=(BATCH, 6)).astype(np.float32)
    for captions, words in ((WORDS, 3), (vectors, 0)):
        game = TextGAN(
            Generator(16, 4, 1, words, word_units=3),
            Discriminator(4, words, word_units=3),
            latent_dim=3,
            embedding_features=0 if words else 6,
            blend_weight=1.0 if words else 0.0,
            generator_batches=2 if words else 1,
        )
        game.check((Stage(steps=1, batch_size=BATCH, resolution=16),))
        batch = {"images": images, "captions": captions}
        state = make_state(game, batch)
        for name in ("discriminator", "generator"):
            loss = getattr(game, f"{name}_loss")
            gradient = jax.jit(jax.grad(lambda params, loss=loss, s=state, b=batch: loss(STAGE, params, s, b, RNGS)[0]))
            for path, leaf in jax.tree_util.tree_leaves_with_path(gradient(getattr(state, name).params)):
                assert np.abs(leaf).max() > 0, jax.tree_util.keystr(path)
        draw = jax.jit(lambda order, game=game, s=state: game.sample(s.generator, RNGS, order))
        assert not np.allclose(draw(captions), draw(captions[::-1]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"embedding_features": 8}, "game.generator.vocabulary=3, game.embedding_features=8: captions are words or"),
        ({"adversarial": "hinge"}, "game.adversarial='hinge': the matching-aware loss needs one with targets"),
        ({"label_smoothing": 0.1}, "game.label_smoothing=0.1: the matching-aware loss has none; set it to 0"),
        ({"blend_share": 1.0}, "game.blend_share=1.0: expected a share between 0 and 1"),
        ({"generator": nn.Dense(3)}, "game.generator: takes no captions"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, message):
    game = dataclasses.replace(game_of(), **change)
    with pytest.raises(UserError, match=re.escape(message)):
        game.check((Stage(steps=1, batch_size=BATCH, resolution=8),))


@pytest.mark.parametrize("stage", [Stage(1, 1, 8), Stage(1, 4, 8, accumulate=4)])
def test_a_batch_without_wrong_captions_is_refused(stage):
    with pytest.raises(UserError, match=r"stages\[0\].batch_size=\d, accumulate=\d: wrong captions are those of other"):
        game_of().check((stage,))


def test_data_that_do_not_fit_are_refused():
    images = {"images": jax.ShapeDtypeStruct((2, 64, 64, 3), np.float32)}
    words = images | {"captions": jax.ShapeDtypeStruct((2, 7), np.int32)}
    vectors = images | {"captions": jax.ShapeDtypeStruct((2, 512), np.float32)}
    text(vocabulary=30).check_data(words, None, 30)
    text(embedding_features=512).check_data(vectors, None, None)
    for game, batch, num_words, message in [
        (text(), images, None, "data.source: has no captions"),
        (text(vocabulary=30), words, 31, "game.generator.vocabulary=30: captions of the data have 31 different words"),
        (text(), vectors, None, "game.generator.vocabulary=10000: captions of the data are vectors of 512 numbers"),
        (text(embedding_features=64), vectors, None, "game.embedding_features=64: captions of the data are vectors of"),
        (text(embedding_features=64), words, 31, "game.embedding_features=64: captions of the data are words"),
    ]:
        with pytest.raises(UserError, match=re.escape(message)):
            game.check_data(batch, None, num_words)


def test_vectors_of_captions_come_from_a_file(tmp_path):
    def no_words():
        raise AssertionError("vectors need no vocabulary")

    def encoded(given, game=None):
        return encode_captions(game or text(embedding_features=3), given, no_words)

    vectors = np.arange(6, dtype=np.float64).reshape(2, 3)
    np.savez(tmp_path / "a.npz", embeddings=vectors, files=["x.png", "y.png"])  # as it lies beside the images
    np.testing.assert_array_equal(encoded(vectors_of_file(tmp_path / "a.npz")), vectors.astype(np.float32))
    np.savez(tmp_path / "b.npz", embeddings=vectors[:, :2])
    with pytest.raises(UserError, match=re.escape("an array [2, 2] of float32; this run takes floats [captions, 3]")):
        encoded(vectors_of_file(tmp_path / "b.npz"))
    with pytest.raises(UserError, match=re.escape("cannot be read (No such file or directory)")):
        encoded(vectors_of_file(tmp_path / "no.npz"))
    for game, message in [
        (None, "--caption: this run was trained on vectors of captions; give --embeddings"),
        (dcgan(), "--caption: this run was not trained on captions"),
    ]:
        with pytest.raises(UserError, match=re.escape(message)):
            encoded(given_texts(["a thin seven"]), game)


CONFIG = """
from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.families.text import Discriminator, Generator
from jgan.games.text import TextGAN
from jgan.types import Stage


def get_config():
    return Config(
        game=TextGAN(Generator(16, 2, 1, 20, word_units=4), Discriminator(2, 20, word_units=4), latent_dim=3),
        data=DataConfig(source="mnist5k-captions", channels=1),
        stages=(Stage(steps=6, batch_size=8, resolution=16),),
        log_every=2,
    )
"""


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    """A run that stopped at step 4 and went on to its end."""
    directory = tmp_path_factory.mktemp("text")
    (directory / "text.py").write_text(CONFIG)
    for steps in (4, 6):
        flag = f"--config.stages[0].steps={steps}"
        code, _, err = runs.call("jgan.main", "--config", directory / "text.py", "--workdir", directory / "run", flag)
        assert code == 0, err
    return directory / "run"


@pytest.mark.slow
def test_a_resumed_run_equals_one_without_a_break(workdir):
    whole = workdir.parent / "whole"
    code, _, err = runs.call("jgan.main", "--config", workdir.parent / "text.py", "--workdir", whole)
    assert code == 0, err
    lines = [json.loads(line) for line in (whole / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [2, 4, 6]
    assert "discriminator/logits_wrong" in lines[0]
    assert (whole / "metrics.jsonl").read_bytes() == (workdir / "metrics.jsonl").read_bytes()


@pytest.mark.slow
def test_captions_are_drawn_without_the_data(workdir, tmp_path):
    def draw(name, *arguments):
        code, _, err = runs.call(
            "jgan.sample", "--workdir", workdir, "--out", tmp_path / name, "--num", "3", *arguments
        )
        assert code == 0, err
        return [np.asarray(Image.open(path)) for path in sorted((tmp_path / name).glob("0*.png"))]

    drawn = draw("a", "--caption", "a thin seven", "--caption", "A bold, upright THREE")
    assert len(drawn) == 6
    assert np.asarray(Image.open(tmp_path / "a" / "grid.png")).shape == (2 * 18 + 2, 3 * 18 + 2)
    (tmp_path / "captions.txt").write_text("a thin seven\n\na bold upright three\n")
    np.testing.assert_array_equal(draw("b", "--captions", tmp_path / "captions.txt"), drawn)
    other = draw("c", "--caption", "a thin three")
    assert not np.array_equal(other, drawn[:3])


def test_the_generator_takes_captions_of_any_length(workdir):
    run = jgan.open(workdir)
    captions = ["a thin seven", "a bold upright three"]
    latents, ids = run.latents(2, seed=1), run.encode(captions)
    images = to_uint8(run.generator(latents, ids)).astype(int)
    assert np.abs(images - run.sample(1, captions=captions, seed=1)).max() <= 1  # float error at the half of a level
    for wrong in (ids * 0 + 21, ids * -1, ids[:1], ids * 1.0):
        with pytest.raises(UserError, match=r"labels: .*; this run takes word ids, "):
            run.generator(latents, wrong)


def test_a_run_is_measured_by_the_captions_of_its_data(workdir, tmp_path):
    code, _, err = runs.call(
        *("jgan.evaluate", "--workdir", workdir, "--metrics", "swd", "--num_samples", "64", "--out", tmp_path)
    )
    assert code == 0, err
    result = json.loads((tmp_path / "eval.json").read_text())
    assert result["images"]["labels"] == "captions of the reference"


def test_what_cannot_be_drawn_is_refused(workdir, tmp_path):
    for arguments, message in [
        (["--caption", "a thin sven"], "--caption: no training caption has the word 'sven'; did you mean seven"),
        ([], "no caption: this run generates images from captions; give --caption"),
        (["--labels", "3"], "--labels: this run generates images from captions"),
        (["--embeddings", "x.npz"], "--embeddings: this run was trained on captions of words; give --caption"),
        (["--captions", "no.txt"], "--captions=no.txt: cannot be read"),
    ]:
        code, _, err = runs.call("jgan.sample", "--workdir", workdir, "--out", tmp_path / "out", *arguments)
        assert code == 2
        assert err.startswith(f"error: {message}"), err
    code, _, err = runs.call(
        *("jgan.evaluate", "--workdir", workdir, "--metrics", "swd", "--reference", "mnist5k", "--out", tmp_path)
    )
    assert code == 2
    assert err.startswith("error: --reference: this run generates images from captions"), err
