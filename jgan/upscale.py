"""Enlarge image files with a run: `jgan upscale --workdir runs/sr --input photos --out large`."""

from __future__ import annotations

from collections.abc import Sequence

from jgan import command
from jgan import config as configs
from jgan.image_flags import add_image_flags, files_of, skipped_text, weights_of
from jgan.inference.image_files import translate_files
from jgan.inference.one_image import TILE_OF_UPSCALING
from jgan.inference.translator import open_upscaler

DESCRIPTION = """Enlarges images of any size with a run of super-resolution.

  jgan upscale --workdir runs/srgan --input photos --out large
  jgan upscale --workdir runs/srgan --input photo.png --out large --tile 128

A file's image becomes a PNG of the same name, folders within folders too; nothing is replaced without --overwrite, and
with --skip_existing a folder goes on where it was stopped. Transparency, 16 bits a colour and the colour profile are
kept; of an animation or several pages the first is taken. Images larger than --tile go through in tiles that overlap,
so that the network's memory follows the tile. With --degrade the images are first made
smaller by the run's scale, as for training: compare the result with them by `jgan compare`."""


def main(argv: Sequence[str]) -> int:
    """Runs the command."""
    parser = command.Parser("upscale", DESCRIPTION)
    add_image_flags(parser, TILE_OF_UPSCALING)
    options = parser.parse_args(argv)
    files, weights = files_of(options), weights_of(options)
    upscaler = open_upscaler(configs.load(options.workdir), options.workdir, weights, options.seed, options.bicubic)
    count, skipped = translate_files(upscaler, files)
    enlarged_by = f"the {weights.title} at step {upscaler.step}"
    enlarged_by = "the bicubic filter" if options.bicubic else enlarged_by
    rest = skipped_text(skipped, files)
    print(f"{count} images {upscaler.scale} times as large, by {enlarged_by}: {files.out}{rest}")
    return 0


if __name__ == "__main__":
    command.run(main, keeps_memory=False)
