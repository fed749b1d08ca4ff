"""jgan from Python: the same images, scores and messages as the commands, as arrays and arguments."""

import json
import subprocess
import sys
import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import runs
from PIL import Image

import jgan
from jgan import evaluate, sample
from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.families.cgan import conditional_dcgan
from jgan.rundir.pictures import to_uint8
from jgan.types import Stage

CONFIG = Config(
    game=conditional_dcgan(resolution=16, channels=4),
    data=DataConfig(channels=1),
    stages=(Stage(steps=2, batch_size=8, resolution=16),),
    log_every=1,
)


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    """Trained in a thread, where Python leaves no place for signals, as some notebooks and servers do."""
    workdir, outcomes = tmp_path_factory.mktemp("api") / "digits", []
    thread = threading.Thread(target=lambda: outcomes.append(jgan.train(CONFIG, workdir)))
    thread.start()
    thread.join()
    assert outcomes[0].step == 2
    return workdir


def pngs(directory):
    return np.stack([np.asarray(Image.open(path)) for path in sorted(directory.glob("[0-9]*.png"))])


def test_importing_it_imports_nothing_large_and_names_show():
    code = "import sys, jgan; assert not {'jax', 'flax', 'numpy'} & set(sys.modules); print(*dir(jgan))"
    shown = subprocess.run([sys.executable, "-c", code], cwd=runs.ROOT, capture_output=True, text=True, check=True)
    assert {"Config", "Run", "UserError", "grid", "load_config", "open", "train"} <= set(shown.stdout.split())
    with pytest.raises(AttributeError, match="no attribute 'sampel'"):
        jgan.sampel  # noqa: B018


@pytest.mark.slow
def test_samples_are_those_of_the_command(workdir, tmp_path):
    run = jgan.open(workdir)
    flags = ["--workdir", str(workdir), "--out", str(tmp_path), "--num", "11", "--labels", "3,5", "--seed", "4"]
    assert sample.main([*flags, "--truncation", "0.7", "--standing_batches", "1"]) == 0
    images = run.sample(11, labels=[3, 5], seed=4, truncation=0.7, standing_batches=1)
    np.testing.assert_array_equal(images[..., 0], pngs(tmp_path))
    np.testing.assert_array_equal(run.sample(3, step=2), run.sample(20)[:3])
    assert not np.array_equal(run.sample(3, step=0), run.sample(3))
    assert jgan.grid(images, 4).shape == (3 * 18 + 2, 4 * 18 + 2, 1)


def test_the_generator_is_a_function_that_can_be_traced(workdir):
    run = jgan.open(workdir)
    latents, labels = run.latents(5, seed=3), jnp.arange(5)
    images = run.generator(latents, labels)
    assert (images.shape, images.dtype) == ((5, 16, 16, 1), jnp.float32)
    # Rounded to 8 bits, float error may fall to either side of a half.
    assert np.abs(to_uint8(images).astype(int) - run.sample(5, seed=3)).max() <= 1

    @jax.jit
    def brightness(variables):
        return run.generator(latents, labels, variables=variables).mean()

    gradients = jax.grad(brightness)(run.variables)["params"]
    assert all(jnp.abs(leaf).max() > 0 for path, leaf in jax.tree.leaves_with_path(gradients) if "kernel" in str(path))
    other = jax.vmap(lambda latent, label: run.generator(latent[None], label[None])[0])(jnp.asarray(latents), labels)
    np.testing.assert_allclose(other, images, atol=1e-5)
    lists = run.generator(latents.tolist(), [0, 1, 2, 3, 4], variables=dict(run.variables))
    np.testing.assert_array_equal(lists, images)


def test_what_a_run_logged_comes_as_columns(workdir):
    run = jgan.open(workdir)
    lines = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    np.testing.assert_array_equal(run.metrics["step"], [1, 2])
    np.testing.assert_array_equal(run.metrics["generator/loss"], [line["generator/loss"] for line in lines])
    assert run.evaluations == {}
    assert (run.step, run.config) == (2, CONFIG)


def test_scores_are_those_of_the_command(workdir, tmp_path):
    flags = ["--workdir", str(workdir), "--out", str(tmp_path), "--metrics", "swd", "--num_samples", "64"]
    assert evaluate.main(flags) == 0
    scores = jgan.open(workdir).evaluate(["swd"], num_samples=64, out=tmp_path / "again")
    assert scores == json.loads((tmp_path / "eval.json").read_text())["scores"]
    assert (tmp_path / "again" / "eval.json").read_text() == (tmp_path / "eval.json").read_text()


def test_fields_are_set_by_their_path(tmp_path):
    config = jgan.load_config("quickstart", seed=7, **{"game.generator.channels": 8, "data.flip": True})
    assert (config.seed, config.game.generator.channels, config.data.flip) == (7, 8, True)
    assert jgan.load_config(runs.write_config(tmp_path)).log_every == 7
    for index in range(4):
        Image.new("L", (32, 32)).save(tmp_path / f"{index}.png")
    followed = jgan.load_config("dcgan", **{"data.source": f"folder:{tmp_path}"})
    assert (followed.game.generator.image_channels, followed.data.channels) == (1, 1)


CASES = [
    (lambda run: run.sample(0), "num=0: expected 1 to 100,000,000"),
    (lambda run: run.sample(4, labels=[3, 12]), "labels=3,12: 12 is not a class; expected 0 to 9"),
    (lambda run: run.sample(4, truncation=-1.0), "truncation=-1.0: expected a positive number"),
    (lambda run: run.sample(4, seed=-1), "seed=-1: expected a number from 0"),
    (lambda run: run.sample(4, step=7), "step=7: .* has no checkpoint of it; expected one of 0, 2"),
    (lambda run: run.sample(4, captions=["a seven"]), "captions: this run was not trained on captions"),
    (lambda run: run.sample(labels=jnp.ones(2)), r"labels=.*: expected a list, each a whole number"),
    (
        lambda run: run.translate(np.zeros((8, 8, 3), np.uint8)),
        "this run generates images from latents and translates none; take run.sample",
    ),
    (lambda run: run.evaluate(["fdd"]), "metrics=fdd: no metric 'fdd'; did you mean fd"),
    (lambda run: run.evaluate(["fd"], features="vgg"), "features=vgg: expected one of inception"),
    (lambda run: run.evaluate(["fd"], dtype="float16"), "dtype=float16: expected one of float32"),
    (lambda run: run.evaluate(["swd"], features="inception"), "features=inception: these metrics do not take any"),
    (lambda _: jgan.open("nowhere"), "nowhere/config.json: no such file; expected the directory of a run"),
    (lambda run: run.sample(1.5), r"num=1\.5: expected a whole number$"),
    (lambda run: run.sample("3"), "num='3': expected a whole number"),
    (lambda run: run.sample(True), "num=True: expected a whole number"),
    (lambda run: run.sample(seed=np.zeros(2)), r"seed=an array \[2\] of float64: expected a whole number"),
    (lambda run: run.sample(labels=3), "labels=3: expected a list, each a whole number"),
    (lambda run: run.sample(labels=[3, 1.5]), r"labels=\[3, 1\.5\]: expected a list, each a whole number"),
    (lambda run: run.sample(raw=1), "raw=1: expected True or False"),
    (lambda run: run.restore(step="1"), "step='1': expected a whole number"),
    (lambda run: run.latents(2, truncation="a"), "truncation='a': expected a number"),
    (lambda run: run.evaluate("fd"), "metrics='fd': expected a list, each a text"),
    (lambda run: run.evaluate(["swd"], out=3), "out=3: expected a path"),
    (lambda run: run.translate(None), "image=None: expected an array or a PIL.Image or a path"),
    (lambda _: jgan.open(None), "workdir=None: expected a path"),
    (lambda _: jgan.load_config(None), "config=None: expected a path"),
    (lambda _: jgan.train(3, "x"), "config=3: expected a jgan.Config or a path"),
    (lambda run: jgan.grid(run.sample(2), 0), "columns=0: expected at least 1"),
    (lambda run: jgan.grid(run.sample(2)[0], 1), r"images: an array \[16, 16, 1\] of uint8; expected uint8 \[n,"),
    (lambda run: jgan.grid(run.sample(2) / 255, 1), "images: an array .* of float64; expected uint8"),
    (lambda _: jgan.load_config("dcgann"), "config=dcgann: no such config; did you mean dcgan"),
    (lambda _: jgan.load_config("dcgan", sead=1), "sead: no such field; did you mean seed"),
    (lambda _: jgan.load_config("dcgan", seed="x"), "seed=x: expected a whole number"),
    (
        lambda _: jgan.load_config("dcgan", **{"data.source": "folder:no"}),
        "folder:no: no such directory",
    ),
    (
        lambda _: jgan.load_config("dcgan", **{"data.source": "tests"}),
        "data.source='tests': a path alone",
    ),
    (
        lambda _: jgan.load_config("pix2pix", **{"data.source": "mnist5k"}),
        "data.source='mnist5k': images, and",
    ),
]


@pytest.mark.parametrize(("call", "message"), CASES, ids=[message[:25] for _, message in CASES])
def test_what_is_wrong_is_named_as_an_argument(workdir, call, message):
    with pytest.raises(jgan.UserError, match=f"^{message}"):
        call(jgan.open(workdir))


LATENTS = np.ones((1, 64), np.float32)
TAKES = "this run takes floats"
WRONG_LATENTS = [
    (jnp.zeros((2, 3)), rf"latents: an array \[2, 3\] of float32; {TAKES} \[n, 64\]"),
    (LATENTS[0], r"latents: an array \[64\]"),
    (LATENTS[:0], r"latents: an array \[0, 64\]"),
    (LATENTS.astype(int), f"latents: an array .* of int64; {TAKES}"),
    ([[1.0], [1.0, 2.0]], rf"latents=\[\[1\.0\], \[1\.0, 2\.0\]\]: no array; {TAKES}"),
    (None, f"latents=None: no array; {TAKES}"),
    (LATENTS * np.nan, f"latents: values from nan to nan; {TAKES}"),
    (np.float64(LATENTS) * 1e60, f"latents: values from 1e.60 to 1e.60; {TAKES}"),
]
WRONG_LABELS = [
    (None, "labels: this run takes labels, 0 to 9"),
    ([1, 2], r"labels: an array \[2\] of int32; this run takes labels, whole numbers from 0 to 9, \[1\]"),
    ([10], "labels: 10 is out of range; this run takes labels, 0 to 9"),
    ([-1], "labels: -1 is out of range"),
    (np.array([2**32]), "labels: 4294967296 is out of range"),
    ([2**70], r"labels=\[1180591620717411303424\]: no array"),
    (jnp.ones(1), r"labels: an array \[1\] of float32; this run takes"),
    ([True], r"labels: an array \[1\] of bool"),
    (["three"], r"labels=\['three'\]: no array; this run takes labels"),
    (3, r"labels: an array \[\] of int32"),
]
WRONG_VARIABLES = [
    (lambda own: {}, "variables: no batch_stats/.* in it; expected a tree like run.variables"),
    (lambda own: 3, "variables: no batch_stats/.* in it"),
    (lambda own: {**own, "x": jnp.ones(1)}, "variables: x is none of this generator's"),
    (lambda own: jax.tree.map(lambda leaf: leaf[..., None], own), r"variables: .*: \[\d+, 1\]; this run has \["),
    (lambda own: jax.tree.map(lambda leaf: 1.0, own), "variables: .*=1.0: expected an array of floats"),
]


def test_arrays_that_the_generator_does_not_take_are_named(workdir):
    """Types and shapes of traced arrays too, of which JAX itself would say it in many lines, or not at all."""
    run = jgan.open(workdir)
    generate, variables = run.generator, run.variables
    calls = [(lambda wrong=wrong: generate(wrong, [3]), message) for wrong, message in WRONG_LATENTS]
    calls += [(lambda wrong=wrong: generate(LATENTS, wrong), message) for wrong, message in WRONG_LABELS]
    calls += [
        (lambda wrong=wrong: generate(LATENTS, [3], variables=wrong(variables)), message)
        for wrong, message in WRONG_VARIABLES
    ]
    calls += [
        (lambda: generate(LATENTS, [3], truncation="a"), "truncation='a': expected a number"),
        (lambda: generate(LATENTS, [3], truncation=-1), "truncation=-1.0: expected a positive number"),
        (lambda: jax.jit(generate)(LATENTS, jnp.ones(1)), r"labels: an array \[1\] of float32"),
        (lambda: jax.jit(generate)(LATENTS[:, 1:], jnp.ones(1, int)), r"latents: an array \[1, 63\]"),
    ]
    for call, message in calls:
        with pytest.raises(jgan.UserError, match=f"^{message}"):
            call()


def test_numbers_of_numpy_pass_for_pythons(workdir, tmp_path):
    run = jgan.open(workdir)
    images = run.sample(np.int64(3), labels=jnp.array([3, 5]), seed=np.uint8(4), truncation=1)
    np.testing.assert_array_equal(images, run.sample(3, labels=(3, 5), seed=4, truncation=1.0))
    scores = run.evaluate(("swd",), num_samples=np.int32(64), seed=np.int64(0), out=str(tmp_path))
    assert scores == json.loads((tmp_path / "eval.json").read_text())["scores"]
