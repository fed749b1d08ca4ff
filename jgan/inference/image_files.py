"""Image files through a run's generator: what `translate` and `upscale` do."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.contrib.logging import logging_redirect_tqdm

from jgan import __version__
from jgan.data.folders import NO_FILE
from jgan.inference.one_image import Tiles, check_mask_size, inputs_of, is_white, rendered
from jgan.inference.translated_files import Made, TranslatedFiles
from jgan.inference.translator import Translator
from jgan.photos.photo_files import Photo, by_stem, image_files, output_paths, photo_size, read_photo, stem_of
from jgan.photos.programs import Sizes
from jgan.photos.tiles import Tiling
from jgan.photos.transparency import for_network
from jgan.rundir.lock import writing_alone
from jgan.terminal import bars
from jgan.types import UserError

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Files:
    """Image files to translate, and what is done with them."""

    input: Path  # an image, or a folder of images
    out: Path
    mask: Path | None = None  # for inpainting: an image or a folder, white where an image is to be filled
    tiles: Tiles = Tiles()
    degrade: bool = False  # first make of each image what the run's task does
    overwrite: bool = False
    skip_existing: bool = False
    skip_broken: bool = False

    def check(self) -> None:
        """Raises UserError for a number out of range, or for a mask of images that are degraded."""
        self.tiles.check()
        if self.mask and self.degrade:
            raise UserError("--mask: --degrade makes masks by itself; leave one of them out")


@dataclasses.dataclass(frozen=True)
class Job:
    """A file to translate."""

    index: int  # among all inputs, those included that are skipped: what --degrade makes follows from it
    file: Path
    place: Path
    mask: Path | None
    made: Made


def translate_files(translator: Translator, files: Files) -> tuple[int, int]:
    """Writes the image of every file of `input` below `out`; returns how many, and how many were there already.

    Raises:
      UserError: an input cannot be read or an output cannot be written; what was written before stays.
    """
    if files.degrade:
        translator.check_degrades()
    _check_out(files)
    with writing_alone(files.out):
        return _translate(translator, files)


def _translate(translator: Translator, files: Files) -> tuple[int, int]:
    made_by = _made_by(translator, files)
    outputs = TranslatedFiles(files.out, made_by)
    jobs, skipped = _jobs(translator, files, outputs, made_by)
    jobs, sizes = _readable(jobs, skip=files.skip_broken)
    written = 0
    tiling = files.tiles.tiling(translator, largest=max(map(max, sizes), default=1))
    scale = translator.scale if files.degrade else 1
    total = sum(tiling.count(height // scale, width // scale) for height, width in sizes)
    with logging_redirect_tqdm(), bars.bar(total=total, unit="tile", disable=None) as bar:
        met = Sizes()
        for job, (height, width) in zip(jobs, sizes, strict=True):
            met.meet((height, width) if files.degrade else (min(height, tiling.tile), min(width, tiling.tile)))
            bar.set_postfix_str(job.file.name)
            try:
                photo = read_photo(job.file)
            except UserError as error:  # its header was right
                if not files.skip_broken:
                    raise
                logger.warning("%s; left out", error)
                continue
            outputs.write(job.place, _translated(translator, photo, job, files, tiling, bar), job.made)
            written += 1
    return written, skipped


def _check_out(files: Files) -> None:
    if files.input.is_dir() and files.out.resolve().is_relative_to(files.input.resolve()):
        raise UserError(
            f"--out={files.out}: lies within --input, of which it would be a part; choose another directory"
        )


def _made_by(translator: Translator, files: Files) -> dict[str, Any]:
    """What images depend on besides their inputs, as JSON."""
    return {
        "weights": translator.digest,
        **{name: getattr(translator, name) for name in ("step", "direction", "seed", "bicubic")},
        "degrade": files.degrade,
        "tile": files.tiles.side,
        "overlap": files.tiles.overlap,
        "usual_tile": files.tiles.usual,
        "mask": files.mask and str(files.mask.absolute()),
        "jgan": __version__,
    }


def _jobs(
    translator: Translator, files: Files, outputs: TranslatedFiles, made_by: dict[str, Any]
) -> tuple[list[Job], int]:
    """What is to do, and how many images are there already and stay."""
    inputs = image_files(files.input, "--input")
    places = output_paths(inputs, files.out)
    masks = _masks(inputs, files.mask, translator)
    found = enumerate(zip(inputs, places, masks, strict=True))
    jobs = [
        Job(index, file, place, mask, Made(made_by, relative.as_posix(), _size(file)))
        for index, ((file, relative), place, mask) in found
    ]
    outputs.check({job.place: job.made for job in jobs}, overwrite=files.overwrite, skip=files.skip_existing)
    left = [job for job in jobs if not (files.skip_existing and outputs.is_there(job.place))]
    return left, len(inputs) - len(left)


def _size(file: Path) -> int:
    """Bytes of a file; NO_FILE of a link to nothing."""
    return file.stat().st_size if file.exists() else NO_FILE


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
    missing = [file for file, relative in files if stem_of(relative) not in masks]
    if missing:
        raise UserError(f"--mask={path}: has none for {missing[0]}; give each mask the name of its image")
    return [masks[stem_of(relative)] for _, relative in files]


def _translated(translator: Translator, photo: Photo, job: Job, files: Files, tiling: Tiling, bar: bars.Bar) -> Photo:
    """The photo of a job translated. Raises UserError, beginning with its file, where the network refuses it."""
    try:
        inputs = _inputs(translator, photo, job, degraded=files.degrade)
        return rendered(translator, photo, inputs, tiling, bar.update)
    except UserError as error:
        raise UserError(f"{job.file}: {error}") from None


def _inputs(translator: Translator, photo: Photo, job: Job, *, degraded: bool) -> np.ndarray:
    """What `Translator.as_inputs` takes of a photo; what the run's task degrades is given as it is, float32."""
    if degraded:
        height, width = photo.colors.shape[:2]
        if min(height, width) < translator.scale:
            raise UserError(f"{width} x {height} pixels cannot be made {translator.scale} times smaller")
        channels = translator.config.data.channels or translator.image_channels
        seen = for_network(photo, channels, translator.background)
        return translator.degraded(seen.with_channels(channels), job.index)
    if job.mask is None:
        return inputs_of(translator, photo)
    hidden = is_white(read_photo(job.mask))
    check_mask_size(hidden, photo, str(job.mask))
    return inputs_of(translator, photo, hidden)
