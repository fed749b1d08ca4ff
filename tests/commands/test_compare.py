"""compare as a user types it."""

import json

import numpy as np
import pytest
from PIL import Image
from translation_runs import RANDOM, call, save, smooth

from jgan import compare
from jgan.types import UserError


def of_formula(image, reference, crop, luma):
    """PSNR as papers of super-resolution write it down."""
    sides = [
        side[crop : side.shape[0] - crop, crop : side.shape[1] - crop].astype(float) for side in (image, reference)
    ]
    if luma:
        sides = [16 + (65.481 * s[..., 0] + 128.553 * s[..., 1] + 24.966 * s[..., 2]) / 255 for s in sides]
    return 10 * np.log10(255.0**2 / np.mean((sides[0] - sides[1]) ** 2))


def test_numbers_are_those_of_the_formula(tmp_path, capsys):
    expected = {}
    for name, size in (("a", (20, 16)), ("sub/b", (15, 31))):
        reference = smooth(size[0] + 3, size[1] + 1)
        cut = reference[: size[0], : size[1]]
        image = np.clip(cut + RANDOM.integers(-20, 20, cut.shape), 0, 255).astype(np.uint8)
        save(tmp_path / "images" / f"{name}.png", image)
        (tmp_path / "reference" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(reference).save(tmp_path / "reference" / f"{name}.bmp")
        expected[f"{name}.png"] = {
            "psnr": of_formula(image, cut, 2, luma=False),
            "psnr_y": of_formula(image, cut, 2, luma=True),
        }
    flags = {"images": tmp_path / "images", "reference": tmp_path / "reference", "metrics": "psnr,psnr_y", "crop": 2}
    assert call(compare, **flags, cut_reference=True, out=tmp_path / "new" / "scores.json") == 0
    record = json.loads((tmp_path / "new" / "scores.json").read_text())
    assert record["scores"] == {name: pytest.approx(row) for name, row in expected.items()}
    means = {name: np.mean([row[name] for row in expected.values()]) for name in ("psnr", "psnr_y")}
    assert record["mean"] == pytest.approx(means)
    assert "2 pixels cut off each border" in record["definitions"]["psnr_y"]
    out = capsys.readouterr().out
    assert f"{means['psnr']:.4f}" in out
    assert f"{expected['a.png']['psnr_y']:.4f}" in out
    with pytest.raises(UserError, match=r"a\.png: 16 x 20 pixels .* reference .* 17 x 23 .*or --cut_reference"):
        call(compare, **flags)


@pytest.mark.parametrize(
    ("images", "references", "flags", "message"),
    [
        ("ab", "a", {}, r"^--reference=.*: has none for .*/b\.png; give both the same names$"),
        ("a", "ab", {}, r"^--images=.*: has none for .*/b\.png; every reference needs its image$"),
        ("a", "a", {"metrics": "psnr,pnsr"}, r"^--metrics=psnr,pnsr: 'pnsr'.*did you mean psnr"),
        ("a", "a", {"crop": -1}, r"^--crop=-1: expected no negative number$"),
        ("a", "a", {"crop": 6}, r"^--crop=6: nothing is left of .*images/a\.png, 12 x 12 pixels$"),
        ("a", "a", {"metrics": "ms_ssim"}, r"images/a\.png: 12 x 12 .*five scales need 161 a side: leave ms_ssim out$"),
        ("a", "", {}, r"^--reference: psnr compares images with others; name them"),
    ],
)
def test_images_without_partners_are_refused(images, references, flags, message, tmp_path):
    for folder, names in (("images", images), ("reference", references)):
        for name in names:
            save(tmp_path / folder / f"{name}.png", smooth(12, 12))
    flags |= {"reference": tmp_path / "reference"} if references else {}
    with pytest.raises(UserError, match=message) as error:
        call(compare, images=tmp_path / "images", **flags)
    assert "\n" not in str(error.value)


def strict(path):
    """JSON as every other program reads it: without infinities."""
    return json.loads(path.read_text(), parse_constant=pytest.fail)


def test_equal_pairs_are_counted_apart_and_gray_is_luma(tmp_path, capsys):
    """One pair of grays differs by 1 everywhere, one of RGB by 2, one is equal: means are over the first two."""
    for name, channels, off in (("a", 1, 1), ("b", 3, 2), ("c", 1, 0)):
        image = smooth(20, 16)[..., :channels] // 2
        save(tmp_path / "reference" / f"{name}.png", image)
        save(tmp_path / "images" / f"{name}.png", image + np.uint8(off))
    flags = {"images": tmp_path / "images", "reference": tmp_path / "reference", "metrics": "psnr,psnr_y,ssim"}
    assert call(compare, **flags, out=tmp_path / "scores.json") == 0
    record = strict(tmp_path / "scores.json")
    out = capsys.readouterr().out
    luma = 2 * (65.481 + 128.553 + 24.966) / 255  # of the difference of 2 in each colour
    by_hand = {"psnr": [20 * np.log10(255 / off) for off in (1, 2)], "psnr_y": 20 * np.log10([255, 255 / luma])}
    for name, values in by_hand.items():
        assert record["mean"][name] == pytest.approx(np.mean(values))
        assert record["scores"]["c.png"][name] == "inf"
        assert f"{name}: 1 equal to their references (inf), and not in the mean" in out
    assert record["left_out"] == {"psnr": 1, "psnr_y": 1}
    assert record["mean"]["ssim"] < record["scores"]["c.png"]["ssim"] == pytest.approx(1)
