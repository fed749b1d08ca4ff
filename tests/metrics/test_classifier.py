"""Classifiers: what they learn, how they are stored, the metrics made with them, the command that trains them."""

import dataclasses
import json

import numpy as np
import pytest
from conftest import use_devices
from PIL import Image

from jgan import classifier as command
from jgan import evaluate
from jgan.evaluation.images import check_same_classes
from jgan.metrics import class_scores, classifier
from jgan.metrics.class_scores import (
    RealClassifier,
    class_accuracy,
    classification_accuracy_score,
    hold_out,
    modes_hit,
)
from jgan.metrics.classifier import (
    Classifier,
    fit,
    load_classifier,
    predict,
    save_classifier,
    train_classifier,
    with_classes,
)
from jgan.rundir.atomic_files import sha256
from jgan.types import UserError

CLASSES = 4


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Few steps on one device: these images are easy."""
    monkeypatch.setattr(classifier, "EPOCHS", 1)
    monkeypatch.setattr(classifier, "FEWEST_IMAGES", 40 * classifier.BATCH_SIZE)
    use_devices(monkeypatch, 1)


def quadrants(count, seed, channels=1):
    """Noise, uint8 [n, 8, 8, channels], with one bright quadrant: the class."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int32) % CLASSES
    images = rng.integers(0, 100, (count, 8, 8, channels), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        top, left = 4 * (label // 2), 4 * (label % 2)
        image[top : top + 4, left : left + 4] += 150
    return images, labels


def train(seed=0, channels=1):
    images, labels = quadrants(200, seed=1, channels=channels)
    return train_classifier(images, labels, CLASSES, resolution=8, channels=channels, seed=seed)


@pytest.mark.parametrize("channels", [1, 3])
def test_learns_classes_the_same_way_each_time(channels):
    trained, again, other = train(channels=channels), train(channels=channels), train(seed=1, channels=channels)
    images, labels = quadrants(301, seed=2, channels=channels)
    logits = predict(trained, images)
    assert logits.shape == (301, CLASSES)
    np.testing.assert_array_equal(logits.argmax(axis=1), labels)
    np.testing.assert_array_equal(predict(again, images), logits)
    assert (predict(other, images) != logits).any()


def test_over_several_devices(monkeypatch):
    images, labels = quadrants(301, seed=2)
    alone = predict(trained := train(), images)
    use_devices(monkeypatch, 4)
    # The same float32 sums for each image, by another program.
    np.testing.assert_allclose(predict(trained, images), alone, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(predict(train(), images).argmax(axis=1), labels)


def test_images_are_seen_as_pillow_would_make_them():
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (3, 40, 30, 3), dtype=np.uint8)
    gray = np.stack([np.asarray(Image.fromarray(image).convert("L")) for image in colours])
    np.testing.assert_array_equal(fit(colours[:, :30], 30, 1)[..., 0], gray[:, :30])
    np.testing.assert_array_equal(fit(gray[:, :30, :, None], 30, 3), np.repeat(gray[:, :30, :, None], 3, axis=-1))
    for side in (16, 64):
        channels = [[Image.fromarray(image[..., c].astype(np.float32)) for c in range(3)] for image in colours]
        resized = [[c.resize((side, side), Image.Resampling.LANCZOS) for c in image] for image in channels]
        expected = np.moveaxis(np.array(resized), 1, -1).clip(0, 255)
        assert np.abs(fit(colours, side, 3) - expected).max() < 0.501  # rounded to bytes, and float32


def test_stored_classifiers_are_the_same(tmp_path):
    path = tmp_path / "quadrants.npz"
    variables = train().variables
    stored = Classifier(variables, CLASSES, 8, 1, trained_on="200 images", tested_on="more", accuracy=0.75)
    save_classifier(path, stored)
    loaded = load_classifier(path)
    assert classifier.describe(loaded) == classifier.describe(stored)
    images, _ = quadrants(10, seed=3)
    np.testing.assert_array_equal(predict(loaded, images), predict(stored, images))
    with np.load(path, allow_pickle=False) as arrays:
        content = dict(arrays)
    about = json.loads(content["about"].tobytes())

    def refused(message, **changes):
        np.savez(tmp_path / "bad.npz", **{name: array for name, array in (content | changes).items() if array.size})
        with pytest.raises(UserError, match=message):
            load_classifier(tmp_path / "bad.npz")

    def with_about(**changes):
        return np.frombuffer(json.dumps(about | changes).encode(), np.uint8)

    nothing = np.zeros(0)
    refused("bad.npz: not a stored classifier", about=nothing)
    refused("not a stored classifier .* make one with", about=np.frombuffer(b"[1", np.uint8))
    refused("resolution=7", about=with_about(resolution=7))
    refused("not a stored classifier", about=with_about(num_classes="ten"))
    refused("unknown field 'more'", about=with_about(more=1))
    refused("NaN is no number|accuracy=.*expected a number from 0 to 1", about=with_about(accuracy=float("nan")))
    refused(r"params/Dense_0/bias is float32 \[4\]", about=with_about(num_classes=5))
    refused("unlike in params/Dense_0/bias", **{"params/Dense_0/bias": nothing})
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(UserError, match=r"quadrants.npz"):
        load_classifier(path)


def test_refuses_what_it_cannot_learn():
    images, labels = quadrants(8, seed=0)
    arguments = {"resolution": 8, "channels": 1, "seed": 0}
    for changed, message in (
        ((images.astype(np.float32), labels, CLASSES), "expected uint8 images"),
        ((images, labels[:-1], CLASSES), r"labels: int32 \[7\]; expected an integer for each of 8 images"),
        ((images, labels, 3), "labels: 0 to 3; expected 0 to 2"),
        ((np.repeat(images, 4, axis=-1), labels, CLASSES), "images of 4 channels"),
    ):
        with pytest.raises(UserError, match=message):
            train_classifier(*changed, **arguments)
    with pytest.raises(UserError, match="resolution=65: expected 8 to 64"):
        train_classifier(images, labels, CLASSES, **{**arguments, "resolution": 65})


def test_held_out_images_are_not_trained_on():
    images, labels = quadrants(80, seed=4)
    images[40:44] = images[:4]  # each class has a pair of twins
    train, test = hold_out(images, labels, 0.2, np.random.default_rng(0))
    assert np.bincount(labels[test]).tolist() == [4] * CLASSES
    assert not {image.tobytes() for image in images[train]} & {image.tobytes() for image in images[test]}
    left_out = 80 - len(train) - len(test)
    assert left_out == sum((row in test) != (row + 40 in test) for row in range(4))
    with pytest.raises(UserError, match="class 7 has one image"):
        hold_out(images[:3], np.array([0, 0, 7]), 0.2, np.random.default_rng(0))


def test_metrics_of_a_perfect_reader(monkeypatch):
    calls = []

    def counted(images, *arguments, **fields):
        calls.append(len(images))
        return train_classifier(images, *arguments, **fields)

    monkeypatch.setattr(class_scores, "train_classifier", counted)
    real = RealClassifier(*quadrants(240, seed=5, channels=3), seed=0)
    images, labels = quadrants(240, seed=6)
    wrong = labels.copy()
    wrong[:12] = (wrong[:12] + 1) % CLASSES  # three of each class
    scores = class_accuracy(real, images, wrong)
    assert scores == {"": 228 / 240, "worst_class": 57 / 60, "real": 1.0}

    shown = images[labels != 3]
    assert modes_hit(real, shown) == {"": 3, "classes": 4, "kl": pytest.approx(np.log(4 / 3)), "real": 1}

    sizes = {"train_images": 192, "test_images": 48}
    assert classification_accuracy_score(real, images, labels) == {"": 1, "real": 1, **sizes}
    assert calls == [192, 192]  # the real classifier once for all three metrics
    swapped = classification_accuracy_score(real, images[:100], (labels[:100] + 1) % CLASSES)
    assert swapped == {"": 0, "real": 1, "train_images": 100, "test_images": 48}
    assert calls[2:] == [100, 100]

    with pytest.raises(UserError, match="no image of the reference has the label 4"):
        class_accuracy(real, images, labels + 1)


def test_a_stored_reader_is_checked_and_keeps_its_own_accuracy():
    images, labels = quadrants(80, seed=7)
    stored = Classifier(train().variables, CLASSES, 8, 1, "some", "others", accuracy=0.9)
    real = RealClassifier(images, labels, seed=0, stored=stored)
    assert class_accuracy(real, images, labels) == {"": 1, "worst_class": 1, "real": 0.9}
    with pytest.raises(UserError, match="knows 4 classes, the reference has 3"):
        RealClassifier(images[labels < 3], labels[labels < 3], seed=0, stored=stored)
    coloured = np.concatenate([images, images, images + 1], axis=-1)
    with pytest.raises(UserError, match="it reads gray images, the reference has colours"):
        RealClassifier(coloured, labels, seed=0, stored=stored)
    with pytest.raises(UserError, match="it reads 0% of the reference right, and 90% of its own test images"):
        RealClassifier(images, 3 - labels, seed=0, stored=stored)


def test_classes_are_matched_by_names_that_look_alike():
    stored = dataclasses.replace(train(), class_names=("a", "caf\u00e9", "c", "d"))
    turned = with_classes(stored, ("cafe\u0301", "a", "d", "c"))
    images, _ = quadrants(8, seed=7)
    np.testing.assert_allclose(predict(turned, images), predict(stored, images)[:, [1, 0, 3, 2]], rtol=1e-6)
    check_same_classes(("a", "caf\u00e9"), ("cafe\u0301", "a"))
    with pytest.raises(UserError, match="class 1 is 'c' among the images"):
        check_same_classes(("caf\u00e9", "c"), ("cafe\u0301", "d"))


@pytest.mark.slow
def test_the_command_then_evaluate(workdir, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "made" / "digits.npz"
    assert command.main(["--source", "mnist5k", "--out", str(path), "--resolution", "8"]) == 0
    printed = capsys.readouterr().out
    stored = load_classifier(path)
    assert (stored.trained_on, stored.tested_on) == ("4500 images of mnist5k", "500 images of mnist5k")
    assert f"reads {stored.accuracy:.2%} of 500 images of mnist5k right" in printed
    assert (stored.num_classes, stored.resolution, stored.channels) == (10, 8, 1)
    assert stored.accuracy > 0.5  # 8 x 8 pixels, one pass; chance is 0.1

    def run(out, *arguments):
        assert evaluate.main(["--workdir", str(workdir), "--out", str(tmp_path / out), *arguments]) == 0
        return json.loads((tmp_path / out / "eval.json").read_text())

    arguments = ("--metrics", "accuracy,cas,modes", "--num_samples", "200")
    result = run("own", *arguments)
    scores = result["scores"]
    assert scores.keys() == {
        "accuracy", "accuracy_worst_class", "accuracy_real",
        "cas", "cas_real", "cas_train_images", "cas_test_images",
        "modes", "modes_classes", "modes_kl", "modes_real",
    }  # fmt: skip
    assert scores["cas_real"] == scores["accuracy_real"] == result["classifier"]["accuracy"]
    assert result["classifier"]["tested_on"] == f"{scores['cas_test_images']:.0f} images of the reference"
    assert run("again", *arguments)["scores"] == scores
    with_stored = run("stored", *arguments, "--classifier", str(path))
    assert with_stored["scores"]["accuracy_real"] == stored.accuracy
    assert with_stored["scores"]["cas"] == scores["cas"]
    assert with_stored["classifier"]["sha256"] == sha256(path)


def test_refusals_of_the_commands(tmp_path):
    images, labels = quadrants(20, seed=8)
    np.savez(tmp_path / "labelled.npz", images=images, labels=labels)
    np.savez(tmp_path / "bare.npz", images=images)
    labelled, bare = f"npz:{tmp_path}/labelled.npz", f"npz:{tmp_path}/bare.npz"
    out = ("--out", str(tmp_path / "c.npz"))
    for arguments, message in (
        (("--source", labelled, "--out", str(tmp_path / "c.pth")), "expected a name that ends in .npz"),
        (("--source", bare, *out), "its images have no labels"),
        (("--source", labelled, "--test", labelled, *out), "all images of --source are among them"),
        (("--source", labelled, "--resolution", "100", *out), "resolution=100: expected 8 to 64"),
    ):
        with pytest.raises(UserError, match=message):
            command.main(list(arguments))
    here = ("--out", str(tmp_path / "out"))
    for arguments, message in (
        (("--images", labelled, "--reference", bare, "--metrics", "modes"), "metric 'modes': reads images by class"),
        (
            ("--images", bare, "--reference", labelled, "--metrics", "cas"),
            "metric 'cas': compares class by class, and the generated images",
        ),
        (
            ("--images", bare, "--reference", bare, "--metrics", "swd", "--classifier", "c.npz"),
            "none of these metrics reads images",
        ),
        (("--images", bare, "--reference", labelled, "--metrics", "modes", "--classifier", "c.npz"), "c.npz"),
    ):
        with pytest.raises(UserError, match=message):
            evaluate.main([*arguments, *here])
