"""Translate image files with a run: `jgan translate --workdir runs/maps --input photos --out translated`."""

from __future__ import annotations

from collections.abc import Sequence

from jgan import command
from jgan import config as configs
from jgan.image_flags import add_image_flags, files_of, skipped_text, weights_of
from jgan.inference.image_files import translate_files
from jgan.inference.one_image import TILE
from jgan.inference.translator import Translator

DESCRIPTION = """Translates images of any size with a run of Pix2Pix, CycleGAN or a task such as inpainting.

  jgan translate --workdir runs/maps --input photos --out translated
  jgan translate --workdir runs/flowers --direction b_to_a --input sunflower.jpg --out translated
  jgan translate --workdir runs/inpainting --input photo.png --mask mask.png --out filled

A file's image becomes a PNG of the same name, folders within folders too; nothing is replaced without --overwrite, and
with --skip_existing a folder goes on where it was stopped. Transparency, 16 bits a colour and the colour profile are
kept; of an animation or several pages the first is taken. Images larger than --tile go through in overlapping tiles
that fade into each other. With --degrade the inputs are clean photos: the run's task first makes its kind of input of
them, such as gray or noisy ones."""


def main(argv: Sequence[str]) -> int:
    """Runs the command."""
    parser = command.Parser("translate", DESCRIPTION)
    add_image_flags(parser, TILE)
    parser.add_argument("--direction", choices=("a_to_b", "b_to_a"), help="which way a CycleGAN run translates")
    options = parser.parse_args(argv)
    files, weights = files_of(options), weights_of(options)
    translator = Translator(
        configs.load(options.workdir),
        options.workdir,
        weights,
        direction=options.direction,
        seed=options.seed,
        bicubic=options.bicubic,
    )
    count, skipped = translate_files(translator, files)
    rest = skipped_text(skipped, files)
    print(f"{count} images from the {weights.title} at step {translator.step}: {files.out}{rest}")
    return 0


if __name__ == "__main__":
    command.run(main, keeps_memory=False)
