"""Projection: its schedule and regularisation by hand, targets that are found again, and interrupted work."""

import json

import numpy as np
import pytest
from PIL import Image
from run_directories import make_config, save_run

import jgan
from jgan.families.stylegan2 import stylegan2
from jgan.latents.__main__ import main
from jgan.latents.descent import Descent, learning_rate_scale
from jgan.latents.noise_maps import correlation, normalised
from jgan.latents.space import LatentSpace
from jgan.types import UserError

CONFIGS = {
    "plain": make_config(),
    "style": make_config(game=stylegan2(8, 16, 8, 1, num_classes=3, mapping_layers=2)),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    for name, config in CONFIGS.items():
        save_run(folder / name, config, random=True)
    return folder


@pytest.fixture(scope="module")
def photos(runs):
    """Two images as files."""
    return write_images(runs / "photos", np.random.default_rng(0).integers(0, 256, (2, 8, 8, 1), np.uint8))


def write_images(folder, images):
    folder.mkdir()
    for index, image in enumerate(images):
        Image.fromarray(image[..., 0]).save(folder / f"{index}.png")
    return folder


def test_schedule_and_noise_by_hand():
    """The numbers of projector.py, in numpy."""
    for step in (0, 1, 20, 500, 800, 999):
        t = step / 1000
        ramp = 0.5 - 0.5 * np.cos(min(1.0, (1.0 - t) / 0.25) * np.pi)
        assert float(learning_rate_scale(t)) == pytest.approx(ramp * min(1.0, t / 0.05), abs=1e-6)
    noise = np.random.default_rng(0).normal(size=(16, 16))
    expected, scale = 0.0, noise
    for _ in range(2):
        expected += (scale * np.roll(scale, 1, 1)).mean() ** 2 + (scale * np.roll(scale, 1, 0)).mean() ** 2
        scale = scale.reshape(8, 2, 8, 2).mean((1, 3)) if len(scale) == 16 else scale
    assert float(correlation(noise.astype(np.float32))) == pytest.approx(expected, rel=1e-4)
    again = np.asarray(normalised((3 * noise + 1).astype(np.float32)))
    np.testing.assert_allclose([again.mean(), again.std()], [0, 1], atol=1e-5)


@pytest.mark.slow  # compiles StyleGANs with noise maps of their own
def test_styles_are_found_again(runs, tmp_path, capsys):
    space = LatentSpace(CONFIGS["style"], runs / "style", batch_size=8)
    targets = space.images(space.latents([5, 9]), np.array([1, 1], np.int32), 0.5)
    photos = write_images(tmp_path / "photos", targets)
    arguments = ["project", "--workdir", str(runs / "style"), "--images", str(photos), "--steps", "120"]
    main([*arguments, "--out", str(tmp_path / "found.npz")])
    record = json.loads((tmp_path / "found.json").read_text())
    assert "2 photos in w, by mean squared error" in capsys.readouterr().out
    with np.load(tmp_path / "found.npz", allow_pickle=False) as file:
        styles = file["styles"]
        assert file["labels"].shape == (2,)
    assert styles.shape == (2, 4, 8)
    assert np.ptp(styles, axis=1).max() == 0  # w is one style for all layers
    images = space.images_of_styles(styles)
    errors = np.square(images.astype(float) - targets).mean((1, 2, 3))
    np.testing.assert_allclose([photo["psnr"] for photo in record["photos"]], 10 * np.log10(255**2 / errors), rtol=1e-6)
    assert np.ptp(targets) > 20
    assert min(photo["psnr"] for photo in record["photos"]) > 18
    layered = jgan.open(runs / "style").project(targets, space="w+", steps=120, labels=[1])
    assert layered.psnr.min() > 18
    np.testing.assert_array_equal(layered.condition, [1, 1])
    assert np.ptp(layered.styles, axis=1).max() > 0


def test_interrupted_work_goes_on(runs, photos, tmp_path, monkeypatch):
    """To the same bits, whether it was a short descent of one photo that was interrupted, or that of all."""
    arguments = ["project", "--workdir", str(runs / "plain"), "--images", str(photos), "--steps", "40"]
    main([*arguments, "--out", str(tmp_path / "whole.npz")])
    advance, calls = Descent.advance, []

    def interrupted(self, state, goal, step):
        calls.append(step)
        if len(calls) in (6, 20):
            raise KeyboardInterrupt
        return advance(self, state, goal, step)

    monkeypatch.setattr(Descent, "advance", interrupted)
    out = tmp_path / "parts.npz"
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            main([*arguments, "--out", str(out)])
        assert [path.name for path in tmp_path.glob("parts*")] == ["parts.unfinished.npz"]
    with pytest.raises(UserError, match="unfinished work of other photos or settings"):
        main([*arguments, "--seed", "1", "--out", str(out)])
    main([*arguments, "--out", str(out)])
    assert len(calls) == 4 + 4 + 40 + 2  # 4 for each photo, then 40 for both; two of them again
    with np.load(out, allow_pickle=False) as file, np.load(tmp_path / "whole.npz", allow_pickle=False) as whole:
        assert set(file) == {"latents"}
        np.testing.assert_array_equal(file["latents"], whole["latents"])
    assert {path.name for path in tmp_path.glob("parts*")} == {"parts.npz", "parts.png", "parts.json"}


def test_latents_are_found_from_python(runs):
    run = jgan.open(runs / "plain")
    target = run.sample(3)[2:]
    found = run.project(target, steps=60)
    assert found.styles is None
    assert found.latents.shape == (1, 4)
    assert found.psnr[0] > 20
    assert found.lpips is None
    np.testing.assert_allclose(found.images.astype(int), run.generator(found.latents) * 127.5 + 127.5, atol=1.01)


def test_refusals(runs, photos, tmp_path):
    for arguments, message in (
        (["--space", "w"], "--space=w: this run has no styles"),
        (["--space", "q"], "--space=q: expected z, w or w+"),
        (["--steps", "0"], "--steps=0"),
        (["--labels", "1"], "--labels: this run is unconditional"),
        (["--out", "x.png"], "ends in .npz"),
        (["--images", str(tmp_path)], "no image there"),
        (["--images", str(tmp_path / "missing.png")], "no such file or folder"),
    ):
        given = {"--images": str(photos), "--out": str(tmp_path / "refused.npz")}
        given |= dict(zip(arguments[::2], arguments[1::2], strict=True))
        with pytest.raises(UserError, match=message):
            main(["project", "--workdir", str(runs / "plain"), *(part for pair in given.items() for part in pair)])
    assert not list(tmp_path.iterdir())
