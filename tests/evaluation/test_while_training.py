"""Evaluation while a run trains: it changes nothing, loses nothing, and keeps the best."""

import contextlib
import dataclasses
import itertools
import json
import signal

import jax
import numpy as np
import pytest
import runs
from conftest import use_devices
from PIL import Image
from shared_programs import share_programs
from standin_features import use_small_network
from standin_runs import assert_equal

from jgan import sample
from jgan.config import check
from jgan.data.config import DataConfig
from jgan.evaluation.collect import over
from jgan.evaluation.images import Chosen
from jgan.evaluation.measure import Metrics, measure
from jgan.evaluation.while_training import Evaluator
from jgan.inference.weights import Weights, restore_generator
from jgan.metrics.config import EvaluationConfig
from jgan.training.loop import train
from jgan.types import UserError

STEPS = 12


@pytest.fixture(autouse=True)
def small_network(monkeypatch, tmp_path):
    """A network of a few features in place of EfficientNet, and a cache of its own."""
    use_small_network(monkeypatch)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def config(monkeypatch):
    use_devices(monkeypatch, 1)
    share_programs(monkeypatch)
    namespace = {}
    exec(runs.CONFIG, namespace)
    config = namespace["get_config"]()
    evaluation = EvaluationConfig(metrics=("fd", "pr"), num_samples=70)
    stages = (dataclasses.replace(config.stages[0], steps=STEPS),)
    return dataclasses.replace(config, stages=stages, evaluate_every=5, evaluation=evaluation)


def read_evaluations(workdir):
    return [json.loads(line) for line in (workdir / "evaluations.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_transparent_images_are_measured_over_the_background(config, tmp_path):
    """RGBA images are trained on as they are, and compared as they look; real ones as Pillow composites them."""
    photos = tmp_path / "photos"
    photos.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 4), np.uint8)
    for index, image in enumerate(pixels):
        Image.fromarray(image).save(photos / f"{index}.png")
    back = Image.new("RGBA", (8, 8), (100, 100, 100, 255))
    expected = [np.asarray(Image.alpha_composite(back, Image.fromarray(image)))[..., :3] for image in pixels]
    assert np.abs(over(pixels, 100).astype(int) - np.stack(expected)).max() <= 1  # both round, Pillow from 7 more bits

    data = DataConfig(source=f"folder:{photos}", channels=4, background=100)
    generator = config.game.generator.clone(image_channels=4)
    config = dataclasses.replace(
        config,
        data=data,
        game=dataclasses.replace(config.game, generator=generator),
        stages=(dataclasses.replace(config.stages[0], steps=2),),
        evaluation=EvaluationConfig(metrics=("fd",), num_samples=8),
    )
    train(config, tmp_path / "run")
    assert read_evaluations(tmp_path / "run")[-1]["settings"]["composited_on"] == 100
    result = measure(Chosen(workdir=tmp_path / "run", num_samples=8), Metrics(("fd",)), None)
    assert result["images"]["composited_on"] == 100
    assert result["reference"]["resolution"]["channels"] == 3
    with Image.open(tmp_path / "run" / "samples" / "samples_00000002.png") as picture:
        assert picture.mode == "RGBA"


def test_it_measures_without_touching_the_run(config, tmp_path):
    outcome = train(config, tmp_path / "run")
    plain = train(dataclasses.replace(config, evaluate_every=0), tmp_path / "plain")
    assert_equal(outcome.state, plain.state)
    assert (tmp_path / "run" / "metrics.jsonl").read_bytes() == (tmp_path / "plain" / "metrics.jsonl").read_bytes()

    lines = read_evaluations(tmp_path / "run")
    assert [line["step"] for line in lines] == [0, 5, 10, STEPS]
    assert lines[0]["settings"]["num_samples"] == lines[0]["settings"]["reference"]["count"] == 70
    assert lines[0]["settings"]["extractors"] == {
        "efficientnet_lite0": {"dtype": "float32", "weights_sha256": "0" * 64}
    }
    assert [line["images_seen"] for line in lines] == [0, 40, 80, 96]
    assert lines[0]["averaged/fd_efficientnet_lite0"] == lines[0]["trained/fd_efficientnet_lite0"]
    assert lines[-1]["averaged/fd_efficientnet_lite0"] != lines[-1]["trained/fd_efficientnet_lite0"]
    assert "trained/pr_efficientnet_lite0_recall" in lines[-1]
    assert (tmp_path / "run" / "plots" / "fd_efficientnet_lite0.png").is_file()


@pytest.mark.parametrize("best", ["fd_efficientnet_lite0", "pr_efficientnet_lite0_recall"])
def test_the_best_is_kept_and_drawn_from(best, config, tmp_path, monkeypatch):
    values = iter([3.0, float("nan"), 2.0, 4.0] if best.startswith("fd") else [0.1, float("nan"), 0.3, 0.2])

    def scores(self, generator, step, stop):
        return {f"averaged/{best}": next(values)}

    monkeypatch.setattr(Evaluator, "scores", scores)
    config = dataclasses.replace(config, evaluation=dataclasses.replace(config.evaluation, best=best))
    outcome = train(config, tmp_path / "run")
    assert [path.name for path in (tmp_path / "run" / "best").iterdir()] == ["10"]
    generator, step = restore_generator(config, tmp_path / "run", Weights(best=True))
    newest, newest_step = restore_generator(config, tmp_path / "run")
    assert (step, newest_step) == (10, STEPS)
    assert_equal(newest.params, outcome.state.generator.params_ema)
    assert any((a != b).any() for a, b in zip(*map(jax.tree.leaves, (newest.params, generator.params)), strict=True))
    arguments = ["--workdir", str(tmp_path / "run"), "--num", "2", "--out"]
    assert sample.main([*arguments, str(tmp_path / "a"), "--best"]) == 0
    assert sample.main([*arguments, str(tmp_path / "b")]) == 0
    drawn, newest_drawn = (np.asarray(Image.open(tmp_path / name / "grid.png")) for name in "ab")
    assert (drawn != newest_drawn).any()


@pytest.mark.slow
def test_the_best_by_other_settings_is_not_touched(config, tmp_path):
    config = dataclasses.replace(config, evaluation=EvaluationConfig(metrics=("fd", "kd"), num_samples=20))
    train(config, tmp_path / "run")
    for changes, message in (
        ({"num_samples": 30}, r"best: holds the best checkpoint .* \(settings.num_samples: was 20, now 30\)"),
        ({"seed": 1}, r"settings.seed: was 0, now 1"),
        ({"best": "kd_efficientnet_lite0"}, r"score: was 'averaged/fd_efficientnet_lite0', now 'averaged/kd_eff"),
    ):
        changed = dataclasses.replace(config, evaluation=dataclasses.replace(config.evaluation, **changes))
        with pytest.raises(UserError, match=message):
            train(changed, tmp_path / "run")
    assert train(config, tmp_path / "run").step == STEPS


@pytest.mark.slow
@pytest.mark.parametrize(("way", "evaluation"), [("signal", 1), ("crash", 3)])  # in the middle, and at the end
def test_an_evaluation_cut_short_is_done_by_the_resumed_run(way, evaluation, config, tmp_path, monkeypatch):
    whole = train(config, tmp_path / "whole")
    scores, calls = Evaluator.scores, itertools.count()

    def cut_short(self, generator, step, stop):
        if next(calls) == evaluation:
            if way == "crash":
                raise RuntimeError
            signal.raise_signal(signal.SIGTERM)
        return scores(self, generator, step, stop)

    with monkeypatch.context() as patch, pytest.raises(RuntimeError) if way == "crash" else contextlib.nullcontext():
        patch.setattr(Evaluator, "scores", cut_short)
        assert train(config, tmp_path / "run").signal == signal.SIGTERM
    assert len(read_evaluations(tmp_path / "run")) == evaluation
    assert_equal(train(config, tmp_path / "run").state, whole.state)
    for name in ("evaluations.jsonl", "metrics.jsonl"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metrics": ("fdi",)}, r"evaluation.metrics: no metric 'fdi'; did you mean"),
        ({"metrics": ()}, r"evaluation.metrics: expected at least one of fid"),
        ({"metrics": ("fd", "fd")}, r"evaluation.metrics: fd is given twice"),
        ({"features": "efficientnet"}, r"evaluation.features='efficientnet'; did you mean efficientnet_lite0"),
        ({"best": "fd"}, r"evaluation.best='fd': not a score that ranks generators; expected one of fd_eff"),
        ({"metrics": ("ms_ssim",)}, r"evaluation.best='': not a score that ranks generators; expected one of"),
        ({"num_samples": 0}, r"evaluation.num_samples=0: expected at least 1"),
    ],
)
def test_settings_that_cannot_be(changes, message, config):
    with pytest.raises(UserError, match=message):
        check(dataclasses.replace(config, evaluation=dataclasses.replace(config.evaluation, **changes)))


def test_labels_and_images_are_asked_for_before_anything_runs(config, tmp_path):
    config = dataclasses.replace(config, evaluation=EvaluationConfig(metrics=("intra_fd",)))
    with pytest.raises(
        UserError, match=r"'intra_fd': compares class by class, and the generated images have no labels"
    ):
        train(config, tmp_path / "run")
    config = dataclasses.replace(config, evaluation=EvaluationConfig(metrics=("pr",), num_samples=5))
    with pytest.raises(UserError, match=r"metric 'pr': 5 generated images; expected at least 6"):
        train(config, tmp_path / "run")
    assert not (tmp_path / "run" / "metrics.jsonl").exists()
    train(dataclasses.replace(config, evaluate_every=0), tmp_path / "plain")
    with pytest.raises(UserError, match=r"the run was never evaluated"):
        restore_generator(config, tmp_path / "plain", Weights(best=True))
