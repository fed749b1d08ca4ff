"""The verb of walks: frames as a film, and a strip of them as a picture."""

from __future__ import annotations

import argparse

import numpy as np

from jgan.command import Parser
from jgan.engine.memory import check_host_bytes
from jgan.latents.interpolate import FRAMES, PATHS, SPACES, Keys, Walk, interpolate, keys_of
from jgan.latents.moving_pictures import ENDINGS, RESAMPLING, check_film, film_size, write_film
from jgan.latents.outputs import Output
from jgan.latents.sheet import check_sheet, draw_sheet
from jgan.latents.space import LatentSpace
from jgan.latents.verbs import (
    Verb,
    add_condition,
    add_out,
    add_seeds,
    add_truncation,
    add_weights,
    captions_of,
    labels_of,
    open_space,
    parse_seeds,
)

DESCRIPTION = """From image to image, as a film and as a strip.

  jgan latents interpolate --workdir runs/dcgan --seeds 3,17,5 --loop --out walk.mp4
  jgan latents interpolate --workdir runs/digits --seeds 3 --labels 0,1,2,3 --out digits.gif
  jgan latents interpolate --workdir runs/text --seeds 3 --caption "a thin seven" --caption "a bold one" --out a.webp

The ending of --out is that of the film: .mp4, .gif or .webp; beside it stands a strip, a .png, and with that ending the
strip alone. MP4 needs PyAV: pip install 'jgan[video]'.

Seeds and classes, or captions, are taken in turn, as many as the longer list has. Normal latents go along arcs, styles
of StyleGANs along lines; classes and captions are mixed as the vectors that the network makes of them."""

COLUMNS = 8  # of the strip
FPS = 30


def _add_flags(parser: Parser) -> None:
    add_weights(parser)
    add_seeds(parser, default="0-3")
    add_condition(parser)
    add_truncation(parser)
    parser.add_argument("--loop", action="store_true", help="go back to the first image")
    parser.add_argument("--path", choices=PATHS, help="along arcs or lines (default: arcs, of styles lines)")
    parser.add_argument("--space", choices=SPACES, help="of latents, or of styles (default: w of StyleGANs, else z)")
    parser.add_argument(
        "--frames", type=int, default=FRAMES, help=f"from one image to the next (default {FRAMES}, a second)"
    )
    parser.add_argument("--fps", type=int, default=FPS, help=f"frames a second (default {FPS})")
    parser.add_argument("--size", type=int, help="width of the film in pixels (default: at least 256)")
    parser.add_argument(
        "--resampling", choices=tuple(RESAMPLING), default="nearest", help="how frames are enlarged (default nearest)"
    )
    add_out(parser, "FILE.mp4", "the film to write, .mp4, .gif or .webp; or .png, the strip alone")


def _run(options: argparse.Namespace) -> None:
    output, seeds = Output(options, (*ENDINGS, ".png")), parse_seeds(options.seeds)
    check_film(output.path, options.fps)
    given = labels_of(options), captions_of(options)
    space = open_space(options)
    way = options.frames, options.loop, options.path, options.space, options.truncation
    walk = Walk(seeds, *given, *way)
    size = film_size(space.image_shape, options.size)
    keys = keys_of(space, walk)
    steps = len(keys.seeds) if walk.loop else len(keys.seeds) - 1
    check_sheet(steps, COLUMNS, space.image_shape, "give fewer seeds, classes or captions")
    check_host_bytes(
        3 * len(keys.share) * size[0] * size[1], "a film of these frames", "give a smaller --size or --frames"
    )
    output.check(space)
    images = interpolate(space, walk)
    output.write(_strip(space, walk, keys, images, steps), space)
    if output.path != output.picture:
        write_film(output.path, images, size, options.fps, options.resampling)
    print(f"{len(images)} frames between {len(keys.seeds)} images: {output.path}")


def _strip(space: LatentSpace, walk: Walk, keys: Keys, images: np.ndarray, steps: int) -> np.ndarray:
    """A row for each step of the walk, from one image to the next."""
    places = np.unique(np.linspace(0, walk.frames, COLUMNS).round().astype(int))
    rows = (np.arange(steps)[:, None] * walk.frames + places[None]) % len(images)
    names = [_name(space, keys, key) for key in range(len(keys.seeds))]
    titles = [f"{names[step]} to {names[(step + 1) % len(names)]}" for step in range(steps)]
    return draw_sheet(images[rows], rows=titles)


def _name(space: LatentSpace, keys: Keys, key: int) -> str:
    """The seed, and the class where there is one."""
    seed, titles = str(keys.seeds[key]), space.class_titles
    return f"{seed} ({titles[keys.condition[key]]})" if titles and keys.condition is not None else seed


VERB = Verb("interpolate", "go from image to image, as a film", DESCRIPTION, _add_flags, _run)
