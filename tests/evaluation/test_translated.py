"""Image-to-image runs, measured: `evaluate` says what `compare` says of the files that `translate` writes."""

import dataclasses
import json

import numpy as np
import pytest
from conftest import use_devices
from PIL import Image
from shared_programs import share_programs
from tables import mark_slow
from translation_runs import CONFIGS, call, make_run, save, smooth

from jgan import compare, evaluate, translate, upscale
from jgan.config import Config
from jgan.evaluation import translated as translations
from jgan.metrics.config import EvaluationConfig
from jgan.metrics.sliced_wasserstein import sliced_wasserstein
from jgan.tasks.config import TaskConfig
from jgan.training.loop import train
from jgan.types import Stage, UserError

SIDE, COUNT = 32, 5
DECIBELS = 0.02  # of PSNR: a pixel in a hundred may be rounded to the other of two levels


@pytest.fixture(autouse=True)
def surroundings(monkeypatch, tmp_path):
    use_devices(monkeypatch, 1)
    share_programs(monkeypatch)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def photos(directory, count=COUNT, channels=3):
    """Photos in a folder, of the size of training."""
    for index in range(count):
        save(directory / f"{index}.png", smooth(SIDE, SIDE, channels))
    return directory


def measured(workdir, out, **flags):
    assert call(evaluate, workdir=workdir, out=out, **flags) == 0
    return json.loads((out / "eval.json").read_text())


def compared(images, reference, out):
    assert call(compare, images=images, reference=reference, out=out) == 0
    return json.loads(out.read_text())["mean"]


@pytest.mark.parametrize("devices", mark_slow((1, 2), (2,)))
def test_pairs_are_measured_as_their_files_are(devices, tmp_path, monkeypatch):
    use_devices(monkeypatch, devices)
    a, b = photos(tmp_path / "val" / "A"), photos(tmp_path / "val" / "B")
    workdir = make_run(tmp_path / "run", *CONFIGS["residual"])
    result = measured(workdir, tmp_path / "eval", reference=tmp_path / "val", metrics="psnr,ssim")
    call(translate, workdir=workdir, input=a, out=tmp_path / "made")
    expected = compared(tmp_path / "made", b, tmp_path / "compared.json")
    assert result["scores"]["psnr"] == pytest.approx(expected["psnr"], abs=DECIBELS)
    assert result["scores"]["ssim"] == pytest.approx(expected["ssim"], abs=1e-3)
    assert result["images"]["count"] == result["reference"]["count"] == COUNT
    assert result["reference"]["source"] == f"pairs:{tmp_path / 'val'}"
    assert result["images"]["step"] == 0
    fewer = measured(workdir, tmp_path / "fewer", reference=f"pairs:{tmp_path / 'val'}", metrics="psnr", num_samples=2)
    assert fewer["images"]["count"] == fewer["reference"]["count"] == 2


def test_a_task_is_measured_as_its_degraded_files_are(tmp_path):
    """At the size of training, where a patch is the photo."""
    held_out = photos(tmp_path / "photos")
    workdir = make_run(tmp_path / "run", *CONFIGS["enlarging"])
    result = measured(workdir, tmp_path / "eval", reference=held_out, metrics="psnr")
    call(upscale, workdir=workdir, input=held_out, out=tmp_path / "made", degrade=True)
    expected = compared(tmp_path / "made", held_out, tmp_path / "compared.json")
    assert result["scores"]["psnr"] == pytest.approx(expected["psnr"], abs=DECIBELS)


def test_what_is_degraded_on_the_host_differs_by_image(tmp_path):
    game, data = CONFIGS["enlarging"]
    task = TaskConfig("blind_super_resolution", scale=2)
    workdir = make_run(tmp_path / "run", game, dataclasses.replace(data, task=task))
    for index in range(2):
        save(tmp_path / "photos" / f"{index}.png", smooth(SIDE, SIDE))
    (tmp_path / "photos" / "1.png").write_bytes((tmp_path / "photos" / "0.png").read_bytes())
    result = measured(workdir, tmp_path / "eval", reference=tmp_path / "photos", metrics="psnr")
    grid = np.asarray(Image.open(tmp_path / "eval" / "nearest.png"))
    assert result["images"]["count"] == 2
    assert (grid[:SIDE, :SIDE] != grid[-SIDE:, :SIDE]).any()  # the same photo, degraded twice


@pytest.mark.parametrize("direction", ["a_to_b", "b_to_a"])
def test_domains_are_measured_in_their_direction(direction, tmp_path):
    sides = {"a_to_b": ("testA", "testB"), "b_to_a": ("testB", "testA")}[direction]
    photos(tmp_path / "set" / "testA", 3)
    photos(tmp_path / "set" / "testB", 4)
    workdir = make_run(tmp_path / "run", *CONFIGS["both"])
    flags = {"direction": direction, "metrics": "swd"}
    result = measured(workdir, tmp_path / "eval", reference=f"unpaired:{tmp_path / 'set'}:test", **flags)
    inputs, targets = (tmp_path / "set" / side for side in sides)
    assert result["images"]["count"] == len(list(inputs.iterdir()))
    assert result["reference"]["count"] == len(list(targets.iterdir()))
    assert result["images"]["direction"] == direction
    assert (
        f"{result['images']['count']} images against {result['reference']['count']} real ones" in result["warnings"][0]
    )

    call(translate, workdir=workdir, input=inputs, out=tmp_path / "made", direction=direction)
    files = [
        [np.asarray(Image.open(path)) for path in sorted(folder.glob("*.png"))]
        for folder in (tmp_path / "made", targets)
    ]
    made, real = (np.stack([side[row] for row in np.random.default_rng(0).permutation(len(side))]) for side in files)
    levels = sliced_wasserstein(real[:3], made[:3], np.random.default_rng(0))
    assert result["scores"]["swd"] == pytest.approx(1000 * np.mean(list(levels.values())), rel=0.01)


def test_photos_smaller_than_a_patch_are_refused_or_left_out(tmp_path):
    held_out = photos(tmp_path / "photos")
    workdirs = {
        how: make_run(tmp_path / how, game, dataclasses.replace(data, on_error=how))
        for how, (game, data) in dict.fromkeys(("skip", "refuse"), CONFIGS["enlarging"]).items()
    }
    whole = measured(workdirs["skip"], tmp_path / "whole", reference=held_out, metrics="psnr")
    save(held_out / "3a.png", smooth(SIDE, SIDE - 1))
    rest = measured(workdirs["skip"], tmp_path / "rest", reference=held_out, metrics="psnr")
    assert rest["images"]["count"] == rest["reference"]["count"] == COUNT
    assert rest["scores"] == pytest.approx(whole["scores"], abs=1e-6)
    with pytest.raises(UserError, match=r"^--reference: .*3a\.png: 31 x 32 pixels, less than a patch of 32"):
        measured(workdirs["refuse"], tmp_path / "refused", reference=held_out, metrics="psnr")


def test_images_equal_to_their_targets_are_counted_apart(tmp_path, monkeypatch):
    a, b = photos(tmp_path / "val" / "A"), tmp_path / "val" / "B"
    workdir = make_run(tmp_path / "run", *CONFIGS["residual"])
    call(translate, workdir=workdir, input=a, out=b)
    save(b / "0.png", smooth(SIDE, SIDE))
    scores = measured(workdir, tmp_path / "eval", reference=tmp_path / "val", metrics="psnr")["scores"]
    assert 0 < scores["psnr_equal"] < COUNT
    assert np.isfinite(scores["psnr"])
    one, image = tmp_path / "one", smooth(SIDE, SIDE)
    for side in (a, b):
        save(one / side.name / "0.png", image)
    monkeypatch.setattr(translations, "to_uint8", lambda images: np.broadcast_to(image, images.shape))
    scores = measured(workdir, tmp_path / "equal", reference=one, metrics="psnr")["scores"]
    assert scores == {"psnr": "inf", "psnr_equal": 1}


def test_transparent_targets_are_measured_over_the_background(tmp_path):
    photos(tmp_path / "val" / "A")
    photos(tmp_path / "val" / "B", channels=4)
    workdir = make_run(tmp_path / "run", *CONFIGS["pairs"])
    result = measured(workdir, tmp_path / "eval", reference=tmp_path / "val", metrics="psnr")
    assert np.isfinite(result["scores"]["psnr"])
    assert result["images"]["composited_on"] == 255
    assert result["reference"]["resolution"]["channels"] == 3


REFUSALS = [
    ("residual", {"metrics": "psnr", "direction": "a_to_b"}, r"^--direction=a_to_b: this run has one direction; leave"),
    ("both", {"metrics": "swd"}, r"^--direction: this run goes both ways; expected a_to_b or b_to_a$"),
    ("both", {"metrics": "psnr", "direction": "a_to_b"}, r"^metric 'psnr': compares each image with its target, and"),
    ("residual", {"metrics": "psnr", "num_samples": 9}, r"^--num_samples=9: pairs:.* has 5 inputs$"),
    ("residual", {"metrics": "psnr", "truncation": 1}, r"^--truncation: this run translates images"),
    ("residual", {"metrics": "intra_fd"}, r"^metric 'intra_fd': compares class by class"),
    ("residual", {"metrics": "psnr", "reference": "folder:no"}, r"^--reference: .*no"),
]


@pytest.mark.parametrize(("name", "flags", "message"), REFUSALS)
def test_what_cannot_be_measured_is_one_line(name, flags, message, tmp_path):
    for folder in ("trainA", "trainB") if name == "both" else ("A", "B"):
        photos(tmp_path / "set" / folder)
    workdir = make_run(tmp_path / "run", *CONFIGS[name])
    flags = {"reference": tmp_path / "set"} | flags
    with pytest.raises(UserError, match=message) as error:
        measured(workdir, tmp_path / "eval", **flags)
    assert "\n" not in str(error.value)


def test_other_data_than_the_networks_take_are_refused(tmp_path):
    workdir = make_run(tmp_path / "run", *CONFIGS["residual"])
    with pytest.raises(UserError, match=r"^--reference=.*: has no inputs|^--reference: .*data\.input_channels"):
        measured(workdir, tmp_path / "eval", metrics="psnr", reference=f"folder:{photos(tmp_path / 'photos')}")


@pytest.mark.slow
def test_the_best_by_held_out_images_is_kept(tmp_path):
    """Its training is not touched by it, its scores are those of `evaluate`, and other images have no part in it."""
    photos(tmp_path / "train")
    held_out = photos(tmp_path / "held_out", 3)
    game, data = CONFIGS["enlarging"]
    config = Config(
        game=game,
        data=dataclasses.replace(data, source=f"folder:{tmp_path / 'train'}"),
        stages=(Stage(steps=4, batch_size=2, resolution=16, adversarial=False),),
        evaluate_every=2,
        evaluation=EvaluationConfig(metrics=("psnr", "ssim"), held_out=str(held_out)),
    )
    outcome = train(config, tmp_path / "run")
    lines = [json.loads(line) for line in (tmp_path / "run" / "evaluations.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [0, 2, 4]
    best = max(lines, key=lambda line: line["averaged/psnr"])
    assert [path.name for path in (tmp_path / "run" / "best").iterdir()] == [str(best["step"])]
    result = measured(tmp_path / "run", tmp_path / "eval", reference=held_out, metrics="psnr,ssim", best=True)
    assert result["scores"]["psnr"] == pytest.approx(best["averaged/psnr"], abs=1e-6)
    assert result["images"]["step"] == best["step"]
    plain = train(dataclasses.replace(config, evaluate_every=0), tmp_path / "plain")
    assert (tmp_path / "run" / "metrics.jsonl").read_bytes() == (tmp_path / "plain" / "metrics.jsonl").read_bytes()
    assert outcome.step == plain.step == 4
    assert lines[0]["settings"]["inputs"]["count"] == 3
    other = dataclasses.replace(config.evaluation, held_out=str(photos(tmp_path / "other", 3)))
    with pytest.raises(UserError, match=r"best: holds the best checkpoint by other settings .*settings\.inputs"):
        train(dataclasses.replace(config, evaluation=other), tmp_path / "run")


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("both", {}, r"^evaluation\.translates: this run goes both ways; expected a_to_b or b_to_a$"),
        ("enlarging", {"translates": "a_to_b"}, r"^evaluation\.translates=a_to_b: this run has one direction"),
        ("enlarging", {"held_out": "folder:no"}, r"^evaluation\.held_out: "),
        (
            "enlarging",
            {"held_out": "SMALL"},
            r"^evaluation\.held_out: .*0\.png: 15 x 20 pixels, less than a patch of 16",
        ),
    ],
)
def test_evaluations_that_cannot_be_are_refused_at_the_start(name, settings, message, tmp_path):
    photos(tmp_path / "train")
    save(tmp_path / "small" / "0.png", smooth(20, 15))
    settings = {key: str(tmp_path / "small") if value == "SMALL" else value for key, value in settings.items()}
    game, data = CONFIGS[name]
    source = f"folder:{tmp_path / 'train'}" if name == "enlarging" else "unpaired:x"
    config = Config(
        game=game,
        data=dataclasses.replace(data, source=source),
        stages=(Stage(steps=2, batch_size=2, resolution=16),),
        evaluate_every=2,
        evaluation=EvaluationConfig(metrics=("psnr",), **settings),
    )
    with pytest.raises(UserError, match=message):
        train(config, tmp_path / "run")
    assert not (tmp_path / "run" / "metrics.jsonl").exists()
