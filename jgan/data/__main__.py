"""Look at a data set, or prepare it for fast reading: `jgan data inspect|prepare|split`."""

from __future__ import annotations

import argparse
import os
import textwrap
from collections.abc import Sequence
from pathlib import Path

from jgan import command
from jgan.data.broken_files import broken_files_message, check_files, usable_channels
from jgan.data.config import CHANNELS, FITS, ON_ERROR, DataConfig, check_config
from jgan.data.file_source import FileSource
from jgan.data.inspect import SHEET, contact_sheet, describe, write_sheet
from jgan.data.pixels import MAX_RESOLUTION, Format
from jgan.data.prepare import prepare
from jgan.data.registry import EXAMPLES, check_outside, open_source
from jgan.data.source import Source
from jgan.data.split import split
from jgan.rundir.atomic_files import check_replaceable
from jgan.types import UserError

DESCRIPTION = """Looks at a data set, or prepares it for fast reading.

  jgan data inspect --source folder:photos --out sheet.png
  jgan data prepare --source folder:photos --out prepared --resolution 64
  jgan data split --source pairs:maps/val --out val

""" + textwrap.fill(f"Sources: {', '.join(EXAMPLES.values())}.", width=100, break_on_hyphens=False)


MAX_WORKERS = 1024


class _Subparser(command.Parser):
    """Of `jgan data inspect` and the others, all with the same description."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog.removeprefix("jgan "), DESCRIPTION)


def main(argv: Sequence[str]) -> int:
    """Runs the command."""
    options = _parser().parse_args(argv)
    options.command(options)
    return 0


def _parser() -> command.Parser:
    parser = command.Parser("data", DESCRIPTION)
    commands = parser.add_subparsers(required=True, metavar="inspect|prepare|split", parser_class=_Subparser)
    inspecting = commands.add_parser("inspect", help="print what a source holds, and write a contact sheet")
    inspecting.add_argument("--out", type=Path, help="write a contact sheet of up to 60 images to this PNG")
    inspecting.set_defaults(command=_inspect)
    preparing = commands.add_parser("prepare", help="write a source as raw pixels, read back as records:<directory>")
    preparing.add_argument("--out", type=Path, required=True, help="a new directory, or one to go on with")
    preparing.add_argument("--resolution", type=int, required=True, help="side in pixels of the prepared images")
    preparing.add_argument(
        "--on-error",
        choices=ON_ERROR,
        default="refuse",
        help="what to do about broken images (default: refuse to prepare)",
    )
    preparing.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="number of processes (default: all cores)"
    )
    preparing.set_defaults(command=_prepare)
    splitting = commands.add_parser("split", help="write pairs as two folders of PNGs, A and B")
    splitting.add_argument("--source", required=True, help="as in data.source, for example pairs:maps/val")
    splitting.add_argument("--out", type=Path, required=True, help="a new directory")
    splitting.set_defaults(command=_split)
    for each in (inspecting, preparing):
        each.add_argument("--source", required=True, help="as in data.source, for example folder:photos")
        each.add_argument(
            "--channels",
            type=int,
            choices=CHANNELS,
            default=3,
            help="1 gray, 3 RGB (default), 4 RGBA, 0 as the files are",
        )
        each.add_argument("--fit", choices=FITS, default="crop", help="how an image becomes square (default: crop)")
        each.add_argument(
            "--background", type=int, default=255, help="gray level behind transparency and padding (default 255)"
        )
    return parser


def _config(options: argparse.Namespace) -> DataConfig:
    if not 0 <= options.background <= 255:
        raise UserError(f"--background={options.background}: expected a gray level from 0 to 255")
    config = DataConfig(
        source=options.source, channels=options.channels, fit=options.fit, background=options.background
    )
    check_config(config)
    return config


def _inspect(options: argparse.Namespace) -> None:
    config = _config(options)
    source = open_source(config.source, "--source")
    if options.out is not None:
        check_outside(config.source, options.out)
        check_replaceable(options.out, SHEET.encode(), "a contact sheet")
    print(f"source: {config.source}")
    print("\n".join(describe(source)))
    if options.out is not None:
        write_sheet(contact_sheet(source, config.channels or 3, config.fit, config.background), options.out)
        print(f"contact sheet: {options.out}")


def _prepare(options: argparse.Namespace) -> None:
    if options.resolution < 1:
        raise UserError(f"--resolution is {options.resolution}; give the pixels of a side, as in 64")
    if options.resolution > MAX_RESOLUTION:
        raise UserError(f"--resolution is {options.resolution}; expected at most {MAX_RESOLUTION} pixels of a side")
    if not 1 <= options.workers <= MAX_WORKERS:
        raise UserError(f"--workers={options.workers}: expected 1 to {MAX_WORKERS} processes")
    config = _config(options)
    source = open_source(config.source, "--source")
    channels = config.channels or _natural_channels(source, options.on_error)
    form = Format(options.resolution, channels, config.fit, config.background)
    count = prepare(source, form, options.out, options.on_error, options.workers)
    if skipped := source.count - count:
        print(f"skipped {skipped:,} broken images; `inspect` lists them")
    print(
        f"wrote {count:,} images of {form.resolution} x {form.resolution} x {channels}: --source records:{options.out}"
    )


def _split(options: argparse.Namespace) -> None:
    check_outside(options.source, options.out)
    count = split(open_source(options.source, "--source"), options.out)
    print(f"wrote {count:,} pairs: {options.out}/A and {options.out}/B")


def _natural_channels(source: Source, on_error: str) -> int:
    """The channels of every image. Raises UserError where they differ, or where a file is broken and may not be."""
    if not isinstance(source, FileSource):
        return source.channels()
    reports = check_files(source, full=False)
    broken = [report for report in reports if report.problem]
    if broken and (on_error == "refuse" or len(broken) == source.count):
        raise UserError(broken_files_message(source, broken))
    return usable_channels(source, [report for report in reports if not report.problem])


if __name__ == "__main__":
    command.run(main, keeps_memory=False)
