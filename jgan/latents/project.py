"""Find latents or styles whose images are like photos: `jgan latents project`."""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jgan import __version__
from jgan import config as configs
from jgan.command import Parser
from jgan.inference.weights import digest_of
from jgan.latents.distance import RGBA
from jgan.latents.outputs import Output
from jgan.latents.projection import BATCH_SIZE, STEPS, How, Projected, Projector
from jgan.latents.sheet import check_sheet, draw_sheet
from jgan.latents.space import LatentSpace
from jgan.latents.starts import given_conditions
from jgan.latents.targets import Targets, read_targets
from jgan.latents.verbs import Verb, add_condition, add_out, add_weights, captions_of, labels_of, open_space
from jgan.latents.working_file import WorkingFile
from jgan.rundir.atomic_files import as_json, replacing, write_json

DESCRIPTION = """Looks for the latents or styles whose images are most like photos.

  jgan latents project --workdir runs/style --images photo.png --out photo.npz
  jgan latents project --workdir runs/dcgan --images photos --space z --steps 300 --out photos.npz

Writes three files of one name: .npz with `styles` [n, layers, w] or `latents` [n, z], and `labels`; .png with each
photo, its projection and their difference; .json with the distances. Photos are made square and resized as the run's
data were.

Of a StyleGAN it looks in w (one style for all layers, the default) or in w+ (a style for each layer: nearer to the
photo, and less like what the run makes); of all runs in z, from several latents, the best of which goes on. The
distance is LPIPS of VGG, and of images of up to 32 pixels the mean squared error as well; below 16 pixels that alone.
Without --labels all classes of a run are tried for a while, and the nearest goes on.

An interrupted command goes on where it was when it is given again."""

SHOWN = 64  # photos at most on the picture


def photo_digest(images: np.ndarray) -> str:
    """Of the pixels of photos."""
    return hashlib.blake2b(repr(images.shape).encode() + images.tobytes(), digest_size=16).hexdigest()


def work_of(space: LatentSpace, how: How, conditions: Sequence[np.ndarray | None], photos: np.ndarray) -> str:
    """All that projections depend on, in a few letters."""
    shown = [None if one is None else one.tolist() for one in conditions]
    digests = {"weights": digest_of(space.player), "photos": photo_digest(photos), "conditions": shown}
    made_by = {**dataclasses.asdict(how), **digests, "jgan": __version__}
    return hashlib.blake2b(as_json(made_by, sort_keys=True).encode(), digest_size=16).hexdigest()


def beside(photos: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Each photo, its image and the size of their difference, uint8 [n, 3, h, w, c], of uint8 [n, h, w, c]."""
    difference = np.abs(photos.astype(np.int16) - images).astype(np.uint8)
    if photos.shape[-1] == RGBA:
        difference[..., 3] = 255
    return np.stack([photos, images, difference], axis=1)


def as_arrays(projected: Projected) -> dict[str, np.ndarray]:
    """What the .npz holds."""
    named = {"styles": projected.styles, "latents": projected.latents, "labels": projected.condition}
    return {name: array for name, array in named.items() if array is not None}


def _add_flags(parser: Parser) -> None:
    add_weights(parser)
    parser.set_defaults(batch_size=BATCH_SIZE)
    parser.add_argument(
        "--images", metavar="PATH", type=Path, nargs="+", required=True, help="image files, or folders of them"
    )
    parser.add_argument("--space", metavar="z|w|w+", help="where to look (default: w of StyleGANs, z of other runs)")
    parser.add_argument("--steps", type=int, default=STEPS, help=f"of the descent (default {STEPS})")
    parser.add_argument("--seed", type=int, default=0, help="of the noise on what is looked for (default 0)")
    add_condition(parser)
    add_out(parser, "FILE.npz", "the file to write; a .png and a .json beside it")


def _run(options: argparse.Namespace) -> None:
    output = Output(options, (".npz",))
    labels, captions = labels_of(options), captions_of(options)
    space = open_space(options)
    how = How(options.space or usual_space(space), options.steps, options.batch_size, options.seed)
    how.check(space)
    data = configs.load(options.workdir).data
    targets = read_targets(options.images, space.image_shape, data)
    count = len(targets.images)
    check_sheet(min(count, SHOWN), 3, space.image_shape, "take a run of smaller images")
    conditions = given_conditions(space, count, labels, captions)
    output.check(space)
    projector = Projector(space, how, data.background)
    working_path = output.path.with_suffix(".unfinished.npz")
    working = WorkingFile(working_path, work_of(space, how, conditions, targets.images))
    try:
        projected = projector(targets.images, conditions, working)
    except (KeyboardInterrupt, SystemExit):
        print(f"what is done is in {working_path}; the same command goes on", file=sys.stderr)
        raise
    _write(output, targets, projected, _record(projected, targets, how, projector.distance.title, space), space)
    working.remove()


def usual_space(space: LatentSpace) -> str:
    """Where photos are looked for where nobody says it."""
    return "w" if space.has_styles else "z"


def _record(projected: Projected, targets: Targets, how: How, title: str, space: LatentSpace) -> dict[str, Any]:
    """What the .json holds."""
    photos = []
    for index, name in enumerate(targets.names):
        photo: dict[str, Any] = {"name": name, "psnr": float(projected.psnr[index])}
        if projected.lpips is not None:
            photo["lpips"] = float(projected.lpips[index])
        if space.class_titles and projected.condition is not None:
            photo["class"] = space.class_titles[projected.condition[index]]
        photos.append(photo)
    return {
        **dataclasses.asdict(how),
        "distance": title,
        "weights": digest_of(space.player),
        "step": space.step,
        "jgan": __version__,
        "photos": photos,
    }


def _write(output: Output, targets: Targets, projected: Projected, record: dict[str, Any], space: LatentSpace) -> None:
    shown = beside(targets.images[:SHOWN], projected.images[:SHOWN])
    output.write(draw_sheet(shown, ("photo", "projection", "difference"), targets.names[:SHOWN]), space)
    write_json(output.path.with_suffix(".json"), record)
    data = io.BytesIO()
    arrays: dict[str, Any] = as_arrays(projected)
    np.savez(data, **arrays)
    with replacing(output.path) as partial:
        partial.write_bytes(data.getvalue())
    for photo in record["photos"]:
        print("  ".join(_shown(name, value) for name, value in photo.items()))
    print(f"{len(targets.names)} photos in {record['kind']}, by {record['distance']}: {output.path}")


def _shown(name: str, value: Any) -> str:
    if name == "name":
        return str(value)
    names = {"psnr": "PSNR", "lpips": "LPIPS"}
    return f"{names.get(name, name)} {value if isinstance(value, str) else format(value, '.4f')}"


VERB = Verb("project", "find the latents or styles of photos", DESCRIPTION, _add_flags, _run)
