"""Enlarge image files with a run: `jgan upscale --workdir runs/sr --input photos --out large`."""

from __future__ import annotations

from collections.abc import Sequence

from jgan import command
from jgan import config as configs
from jgan.games.unpaired import UnpairedGAN
from jgan.inference.image_files import add_arguments, check_arguments, skipped_text, translate_files
from jgan.inference.translator import Translator
from jgan.types import UserError

DESCRIPTION = """Enlarges images of any size by the generator of a run of super-resolution.

  jgan upscale --workdir runs/srgan --input photos --out large
  jgan upscale --workdir runs/srgan --input photo.png --out large --tile 128

A file's image becomes a PNG of the same name, folders within folders too; nothing is replaced without --overwrite, and
with --skip_existing a folder goes on where it was stopped. Transparency, 16 bits a colour and the colour profile are
kept; of an animation or several pages the first is taken. Images larger than --tile go through in overlapping tiles
that fade into each other, so that the network's memory follows the tile. With --degrade the images are first made
smaller by the run's scale, as for training: compare the result with them by jgan.compare."""


def main(argv: Sequence[str]) -> int:
    """Runs the command."""
    parser = command.Parser("upscale", DESCRIPTION)
    add_arguments(parser, tile=256)
    options = parser.parse_args(argv)
    check_arguments(options)
    config = configs.load(options.workdir)
    translator = None if isinstance(config.game, UnpairedGAN) else Translator(config, options.workdir, options)
    if translator is None or translator.scale == 1:
        raise UserError(f"--workdir={options.workdir}: this run does not enlarge images; take jgan.translate")
    count, skipped = translate_files(translator, options)
    made_by = f"the {'trained' if options.raw else 'averaged'} generator at step {translator.step}"
    made_by = "the bicubic filter" if options.bicubic else made_by
    scale = translator.scale
    print(f"{count} images {scale} times as large, by {made_by}: {options.out}{skipped_text(skipped, options)}")
    return 0


if __name__ == "__main__":
    command.run(main, keeps_memory=False)
