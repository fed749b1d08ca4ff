"""Image files through a run's generator: the flags that `translate` and `upscale` share, and what they do with them."""

from __future__ import annotations

import argparse
import dataclasses
import logging
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from jgan import command
from jgan.inference.translator import Translator
from jgan.photos.formats import Photo, by_stem, image_files, output_paths, photo_size, read_photo, write_photo
from jgan.photos.programs import Sizes
from jgan.photos.tiles import Tiling, render_in_tiles
from jgan.rundir.files import make_directory
from jgan.types import UserError

logger = logging.getLogger(__name__)

SMALLEST_TILE = 32  # pixels of the input
WHITE = 0.5  # of a mask: what is lighter is to be filled


def add_arguments(parser: argparse.ArgumentParser, tile: int) -> None:
    """Flags of both commands; `tile` is the default side."""
    parser.add_argument("--workdir", metavar="DIR", type=Path, required=True, help="directory of the run")
    parser.add_argument("--input", metavar="PATH", type=Path, required=True, help="an image, or a folder of images")
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="where PNGs of the same names go")
    parser.add_argument(
        "--tile",
        type=int,
        help=f"larger images go through the network in squares of this side (default {tile}, or the multiple above "
        "it that the network takes; 0: whole)",
    )
    parser.set_defaults(usual_tile=tile)
    parser.add_argument("--overlap", type=int, help="pixels that tiles share (default: a quarter of a tile)")
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument("--overwrite", action="store_true", help="replace images that are there already")
    existing.add_argument(
        "--skip_existing", action="store_true", help="leave images that are there already: go on where it was stopped"
    )
    parser.add_argument("--skip_broken", action="store_true", help="leave files out that cannot be read, and name them")
    parser.add_argument("--bicubic", action="store_true", help="enlarge by the bicubic filter, not by the network")
    parser.add_argument("--degrade", action="store_true", help="first make of each image what the run's task does")
    parser.add_argument(
        "--mask", metavar="PATH", type=Path, help="for inpainting: white where an image is to be filled"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of dropout, where it stays on, and of --degrade (default 0)"
    )
    parser.add_argument("--raw", action="store_true", help="the trained weights, not their average")
    parser.add_argument("--best", action="store_true", help="the best checkpoint (evaluate_every), not the newest")
    parser.add_argument("--step", type=int, metavar="N", help="the checkpoint of step N, not the newest")


def check_arguments(options: argparse.Namespace) -> None:
    """Raises UserError for a number out of range, or for --mask beside --degrade."""
    command.check_seed(options.seed)
    if options.tile and options.tile < SMALLEST_TILE:
        raise UserError(f"--tile={options.tile}: expected 0, or at least {SMALLEST_TILE}")
    tile = options.usual_tile if options.tile is None else options.tile
    if tile and not 0 <= (options.overlap or 0) <= tile // 2:
        raise UserError(f"--overlap={options.overlap}: expected at most half of --tile={tile}")
    if options.mask and options.degrade:
        raise UserError("--mask: --degrade draws masks by itself; leave one of them out")


@dataclasses.dataclass(frozen=True)
class Job:
    """A file to translate."""

    index: int  # among all inputs, those included that are skipped: what --degrade draws follows from it
    file: Path
    place: Path
    mask: Path | None


def translate_files(translator: Translator, options: argparse.Namespace) -> tuple[int, int]:
    """Writes the image of every file of --input below --out; returns how many, and how many were there already.

    Raises:
      UserError: an input cannot be read or an output cannot be written; what was written before stays.
    """
    jobs, skipped = _jobs(translator, options)
    make_directory(options.out, "--out")
    jobs, sizes = _readable(jobs, skip=options.skip_broken)
    written = 0
    tiling = _tiling(translator, options, largest=max(map(max, sizes), default=1))
    scale = translator.scale if options.degrade else 1
    total = sum(tiling.count(height // scale, width // scale) for height, width in sizes)
    with logging_redirect_tqdm(), tqdm(total=total, unit="tile", disable=None) as bar:
        met = Sizes()
        for job, (height, width) in zip(jobs, sizes, strict=True):
            met.meet((height, width) if options.degrade else (min(height, tiling.tile), min(width, tiling.tile)))
            bar.set_postfix_str(job.file.name)
            try:
                photo = read_photo(job.file)
            except UserError as error:  # its header was right
                if not options.skip_broken:
                    raise
                logger.warning("%s; left out", error)
                continue
            inputs = _inputs(translator, photo, job, degraded=options.degrade)
            make_directory(job.place.parent, "--out")
            try:
                made = _rendered(translator, photo, inputs, tiling, bar)
            except UserError as error:  # the network refuses the size
                raise UserError(f"{job.file}: {error}") from None
            write_photo(job.place, made)
            written += 1
    return written, skipped


def skipped_text(skipped: int, options: argparse.Namespace) -> str:
    """The end of a command's last line."""
    return f"; {skipped} skipped, whose images were there already" if options.skip_existing else ""


def _tiling(translator: Translator, options: argparse.Namespace, largest: int) -> Tiling:
    """Of --tile and --overlap; `largest` is the longest side of an input."""
    multiple = translator.multiple
    if options.tile and options.tile % multiple:
        raise UserError(
            f"--tile={options.tile}: expected a multiple of {multiple}, in which this network takes its pixels together"
        )
    wanted = options.usual_tile if options.tile is None else options.tile or largest
    tile = -(-wanted // multiple) * multiple
    return Tiling(tile, tile // 4 if options.overlap is None else options.overlap, multiple)


def _jobs(translator: Translator, options: argparse.Namespace) -> tuple[list[Job], int]:
    """What is to do, and how many images are there already and stay."""
    if options.input.is_dir() and options.out.resolve().is_relative_to(options.input.resolve()):
        raise UserError(
            f"--out={options.out}: lies within --input, of which it would be a part; choose another directory"
        )
    files = image_files(options.input, "--input")
    places = output_paths(files, options.out, may_exist=options.overwrite or options.skip_existing)
    masks = _masks(files, options.mask, translator)
    found = enumerate(zip(files, places, masks, strict=True))
    jobs = [Job(index, file, place, mask) for index, ((file, _), place, mask) in found]
    left = [job for job in jobs if not (options.skip_existing and job.place.is_file())]
    return left, len(files) - len(left)


def _readable(jobs: list[Job], *, skip: bool) -> tuple[list[Job], list[tuple[int, int]]]:
    """Those whose files begin as images do, and their heights and widths.

    Raises:
      UserError: there are others, and they are not to be skipped.
    """
    found, sizes, broken = [], [], []
    for job in jobs:
        try:
            sizes.append(photo_size(job.file))
            found.append(job)
        except UserError as error:
            broken.append(str(error))
    if broken and not skip:
        more = f", and {len(broken) - 1} more cannot be read" if len(broken) > 1 else ""
        raise UserError(f"{broken[0]}{more}; remove what is broken, or leave it out with --skip_broken")
    for message in broken:
        logger.warning("%s; left out", message)
    return found, sizes


def _masks(files: list[tuple[Path, Path]], path: Path | None, translator: Translator) -> list[Path | None]:
    """The mask file of each input."""
    if path is None:
        return [None] * len(files)
    if not translator.fills_masks:
        raise UserError("--mask: this run does not fill masks (data.task.name is not 'inpainting'); leave it out")
    if path.is_file():
        return [path] * len(files)
    masks = by_stem(image_files(path, "--mask"), "--mask")
    missing = [file for file, relative in files if relative.with_suffix("") not in masks]
    if missing:
        raise UserError(f"--mask={path}: has none for {missing[0]}; give each mask the name of its image")
    return [masks[relative.with_suffix("")] for _, relative in files]


def _inputs(translator: Translator, photo: Photo, job: Job, *, degraded: bool) -> np.ndarray:
    """What `Translator.as_inputs` takes of a photo: its levels, behind them a mask above 0 where it is to be filled.

    What the task degrades is given as it is, float32: of the others, no more than a tile is ever held as floats.
    """
    if degraded:
        height, width = photo.colors.shape[:2]
        if min(height, width) < translator.scale:
            raise UserError(f"{job.file}: {width} x {height} pixels cannot be made {translator.scale} times smaller")
        channels = translator.config.data.channels or translator.image_channels
        return translator.degraded(photo.with_channels(channels), job.index)
    if not translator.fills_masks:
        return photo.levels(translator.channels)
    levels, hidden = photo.levels(translator.channels - 1), _hidden(photo, job)
    return np.concatenate([levels, hidden.astype(levels.dtype)], axis=2)


def _hidden(photo: Photo, job: Job) -> np.ndarray:
    """Where a photo is to be filled, bool [h, w, 1]."""
    if job.mask is None:
        if photo.alpha is None:
            raise UserError(f"{job.file}: nothing says what to fill; give --mask, transparent pixels, or --degrade")
        return photo.alpha < WHITE * photo.most
    hidden = read_photo(job.mask).with_channels(1) > 2.0 * WHITE - 1.0
    if hidden.shape[:2] != photo.colors.shape[:2]:
        sizes = [f"{side.shape[1]} x {side.shape[0]}" for side in (hidden, photo.colors)]
        raise UserError(
            f"--mask: {job.mask} is {sizes[0]} pixels, its image {job.file} {sizes[1]}; give one of the same size"
        )
    return hidden


def _rendered(translator: Translator, photo: Photo, inputs: np.ndarray, tiling: Tiling, bar: tqdm) -> Photo:
    """The photo that the network makes, of the depth and with the transparency of the one that came."""
    height, width = (side * translator.scale for side in inputs.shape[:2])
    colors = np.empty((height, width, translator.image_channels), photo.colors.dtype)

    def render(part: np.ndarray) -> np.ndarray:
        made = translator.render(translator.as_inputs(part))
        bar.update()
        return made

    for top, rows in render_in_tiles(render, inputs, translator.scale, tiling):
        values = np.rint((rows + 1.0) * (photo.most / 2))
        colors[top : top + len(rows)] = np.clip(values, 0, photo.most).astype(colors.dtype)
    alpha = photo.alpha
    if translator.image_channels == 4:
        colors, alpha = colors[:, :, :3], colors[:, :, 3:]
    elif alpha is not None and translator.fills_masks:  # what is filled can be seen
        alpha = np.where(inputs[..., -1:] > 0, photo.most, alpha).astype(alpha.dtype)
    elif alpha is not None:
        alpha = _resized(alpha, height, width)
    return Photo(colors, alpha, photo.profile)


def _resized(alpha: np.ndarray, height: int, width: int) -> np.ndarray:
    """Transparency [h, w, 1] at another size, by Pillow's bicubic filter."""
    if alpha.shape[:2] == (height, width):
        return alpha
    image = Image.fromarray(alpha[:, :, 0].astype(np.float32))
    values = np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))
    return np.clip(np.rint(values), 0, np.iinfo(alpha.dtype).max).astype(alpha.dtype)[:, :, None]
