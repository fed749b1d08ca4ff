"""The console script `jgan`: a table of commands, each a module that also runs as `python -m jgan.<module>`.

Nothing that takes time to import is imported here, so that help, the version and a mistyped command come at once.
"""

from __future__ import annotations

import runpy
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from jgan import __version__, command
from jgan.errors import UserError, did_you_mean
from jgan.terminal.early_interrupts import expect_interrupts


class Command(NamedTuple):
    """What runs, and its line in the help."""

    module: str
    summary: str


GROUPS = {
    "Train": {
        "train": Command("jgan.main", "train a GAN, or go on with a run"),
        "configs": Command("jgan.list_configs", "list the configs of the package, or print one to copy"),
        "sweep": Command("jgan.sweep", "train every point of a grid of settings with several seeds, and compare"),
    },
    "Use a run": {
        "sample": Command("jgan.sample", "generate images"),
        "translate": Command("jgan.translate", "translate image files: image-to-image, colour, inpainting"),
        "upscale": Command("jgan.upscale", "enlarge image files"),
        "import-weights": Command("jgan.import_weights", "make a run of published weights"),
        "export": Command("jgan.export", "write the generator for other runtimes: ONNX, StableHLO, safetensors"),
        "export-weights": Command("jgan.export_weights", "write a run's networks for other code bases"),
        "explore": Command("jgan.explore", "play with a run on a page in the browser"),
        "card": Command("jgan.hub", "make a folder with a model card for the Hugging Face Hub"),
    },
    "Explore": {
        "latents": Command("jgan.latents", "walk through latents: interpolate, truncate, mix, ..."),
    },
    "Measure": {
        "evaluate": Command("jgan.evaluate", "measure a run or a folder of images: FID, KID, precision, ..."),
        "compare": Command("jgan.compare", "compare image files with their references: PSNR, SSIM, LPIPS, NIQE"),
        "report": Command("jgan.report", "show runs or a sweep on one page"),
        "classifier": Command("jgan.classifier", "train and store a classifier, for the metrics that read classes"),
    },
    "Data": {
        "data": Command("jgan.data", "inspect, prepare or split a data set"),
    },
}
COMMANDS = {name: entry for group in GROUPS.values() for name, entry in group.items()}

OPTIONS = ("--help", "--version")

EXAMPLES = """Examples:
  jgan train photos/                                        (a config is chosen for your images)
  jgan train --config quickstart --workdir runs/quickstart  (handwritten digits, minutes on two cores)
  jgan sample --workdir runs/quickstart --num 64
  jgan configs"""
USAGE = "usage: jgan COMMAND ...   (jgan COMMAND --help explains a command; jgan --version)"


def main() -> None:
    """Runs `jgan COMMAND ...`, or tells what there is; always exits."""
    first = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if first in COMMANDS:
        del sys.argv[1]
        expect_interrupts()
        runpy.run_module(COMMANDS[first].module, run_name="__main__")  # as `python -m` does, so both do the same
    command.run_without_jax(_explain)


def _explain(argv: Sequence[str]) -> int:
    first = argv[0] if argv else "--help"
    if first in ("-h", "--help", "help"):
        print(_help())
        return 0
    if first == "--version":
        print(f"jgan {__version__}")
        return 0
    if first.startswith("-") and get_close_matches(first, OPTIONS, n=1):
        raise UserError(f"{first}: unknown option{did_you_mean(first, OPTIONS)}")
    if first.startswith("-") or (first and Path(first).exists()):
        raise UserError(f"{first}: expected a command first, such as jgan train {first}; see jgan --help")
    raise UserError(f"{first}: no such command{did_you_mean(first, COMMANDS)}")


def _help() -> str:
    """Usage, examples, and the commands in one line each."""
    width = max(map(len, COMMANDS)) + 2
    lines = [USAGE, "", EXAMPLES]
    for title, group in GROUPS.items():
        lines += ["", f"{title}:", *(f"  {name:{width}}{entry.summary}" for name, entry in group.items())]
    return "\n".join(lines)
