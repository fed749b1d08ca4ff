"""Speed and memory of enlarging images by SRResNet x4 at the paper's size, beside eager PyTorch's in the same process.

    pip install 'jgan[bench]'
    python benchmarks/speed/upscale.py [--parts tiles file] [--tiles 64 128] [--blocks 5] [--clock cpu] [--threads 1]

Three tables. `tiles`: megapixels of output a second of `jgan.upscale`'s own path on one tile, array to array, beside
the same network in PyTorch's two memory layouts; blocks alternate as in train_step.py. `file`: one image file from end
to end, and the shares of reading, network, tiling and writing. `memory`: the peak of resident memory of
`jgan upscale`, each size of tile in a process of its own, above that of one on an image of 32 x 32.

The weights are those of a run of one step, which the script makes; the image is noise, smoothed by enlarging it.
"""

from __future__ import annotations

import argparse
import dataclasses
import logging
import os
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import jax
import numpy as np
import torch  # pyright: ignore[reportMissingImports]
import torch_translation
from PIL import Image
from timing import CLOCKS, Clock, Peak, alternate

from jgan.command import enable_compilation_cache
from jgan.config import load, read_config
from jgan.inference import image_files as translating
from jgan.inference.image_files import Files, translate_files
from jgan.inference.one_image import SMALLEST_TILE, Tiles
from jgan.inference.translator import Translator, open_upscaler
from jgan.training.loop import train
from jgan.types import Stage

CONFIG = Path(__file__).resolve().parents[2] / "configs" / "srgan.py"
PARTS = ("tiles", "file", "memory")
SCALE = 4


def main() -> None:
    logging.getLogger("absl").setLevel(logging.ERROR)
    enable_compilation_cache()
    options = parse()
    torch.set_num_threads(options.threads)
    print(f"jax {jax.__version__} on {jax.devices()[0].device_kind}, torch {torch.__version__}")
    print(f"{options.threads} torch threads, {options.blocks} blocks, {options.clock} clock")
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        make_image(directory / "photos" / "photo.png", options.size)
        make_image(directory / "small.png", (SMALLEST_TILE, SMALLEST_TILE))
        make_run(directory)
        for part in options.parts:
            {"tiles": print_tiles, "file": print_file, "memory": print_memory}[part](directory, options)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--tiles", type=int, nargs="+", default=[64, 128, 256], help="sides, beside PyTorch")
    parser.add_argument("--file-tile", type=int, default=128, help="of the file")
    parser.add_argument("--memory-tiles", type=int, nargs="+", default=[64, 128, 256, 0], help="0: whole")
    parser.add_argument(
        "--size", type=int, nargs=2, default=(512, 384), metavar=("WIDTH", "HEIGHT"), help="of the image"
    )
    parser.add_argument("--blocks", type=int, default=5, help="of each contestant")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of PyTorch")
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    return parser.parse_args()


def make_image(path: Path, size: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (size[1] // 8, size[0] // 8, 3), np.uint8)
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(noise).resize((size[0], size[1]), Image.Resampling.BICUBIC).save(path)


def make_run(directory: Path) -> None:
    """A run of one step, on patches of the image."""
    config = read_config(str(CONFIG), [])
    data = dataclasses.replace(config.data, source=f"folder:{directory / 'photos'}", workers=0)
    stage = Stage(steps=1, batch_size=1, resolution=96, adversarial=False)
    train(dataclasses.replace(config, data=data, stages=(stage,)), directory / "run")


def flags(directory: Path, image: Path, tile: int) -> list[str]:
    """Of jgan.upscale."""
    places = {"--workdir": directory / "run", "--input": image, "--out": directory / "large"}
    return [*(str(part) for pair in places.items() for part in pair), "--tile", str(tile), "--overwrite"]


def make_translator(directory: Path, tile: int) -> tuple[Translator, Files]:
    """As jgan.upscale makes it, and its options."""
    image = directory / "photos" / "photo.png"
    files = Files(image, directory / "large", tiles=Tiles(tile), overwrite=True)
    return open_upscaler(load(directory / "run"), directory / "run"), files


# --- One tile ---


def print_tiles(directory: Path, options: argparse.Namespace) -> None:
    translator, _ = make_translator(directory, 0)
    peak = Peak(CLOCKS[options.clock])
    print("\n| tile | contestant | ms a tile | megapixels of output a second | ours / this, time (range) |")
    print("| --- | --- | --- | --- | --- |")
    for tile in options.tiles:
        image = np.random.default_rng(0).uniform(-1, 1, (tile, tile, 3)).astype(np.float32)
        contestants: dict[str, Callable[[], object]] = {
            "jgan": lambda image=image: translator.render(image),
            "torch, contiguous": torch_render(image, torch.contiguous_format),
            "torch, channels last": torch_render(image, torch.channels_last),
        }
        seconds = alternate(list(contestants.values()), options.blocks, 1, peak)
        for name, times in zip(contestants, seconds, strict=True):
            median = statistics.median(times)
            ratios = [ours / theirs for ours, theirs in zip(seconds[0], times, strict=True)]
            print(
                f"| {tile} | {name} | {1e3 * median:.0f} | {1e-6 * (SCALE * tile) ** 2 / median:.3f} | "
                f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f}) |",
                flush=True,
            )


def torch_render(image: np.ndarray, layout: torch.memory_format) -> Callable[[], np.ndarray]:
    """What `Translator.render` does, by PyTorch: [h, w, c] to [4 h, 4 w, c]."""
    network: Any = torch_translation.srresnet().eval()
    network.to(memory_format=layout)

    def run() -> np.ndarray:
        with torch.inference_mode():
            made = network(torch.from_numpy(image).permute(2, 0, 1)[None].contiguous(memory_format=layout))
            return made[0].permute(1, 2, 0).contiguous().numpy()

    return run


# --- One file ---


def print_file(directory: Path, options: argparse.Namespace) -> None:
    clock = CLOCKS[options.clock]
    translator, settings = make_translator(directory, options.file_tile)
    translate_files(translator, settings)
    runs = [file_seconds(translator, settings, clock) for _ in range(options.blocks)]
    total = statistics.median(run["all"] for run in runs)
    megapixels = 1e-6 * SCALE**2 * options.size[0] * options.size[1]
    print(f"\n{options.size[0]} x {options.size[1]} in tiles of {options.file_tile}: {total:.2f} s, ", end="")
    print(f"{megapixels / total:.3f} megapixels of output a second\n\n| part | seconds | share |\n| --- | --- | --- |")
    for part in ("read", "network", "write"):
        seconds = statistics.median(run[part] for run in runs)
        print(f"| {part} | {seconds:.3f} | {seconds / total:.1%} |")
    others = statistics.median(run["all"] - run["read"] - run["network"] - run["write"] for run in runs)
    print(f"| tiling, rounding and the rest | {others:.3f} | {others / total:.1%} |", flush=True)


def file_seconds(translator: Translator, settings: Files, clock: Clock) -> dict[str, float]:
    """Seconds of one run of `translate_files` as a whole and within the functions that do the parts."""
    seconds: dict[str, float] = defaultdict(float)

    def counted(part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any) -> Any:
            start = clock()
            made = function(*args)
            seconds[part] += clock() - start
            return made

        return run

    with (
        mock.patch.object(translating, "read_photo", counted("read", translating.read_photo)),
        mock.patch.object(translating.TranslatedFiles, "write", counted("write", translating.TranslatedFiles.write)),
        mock.patch.object(translator, "render", counted("network", translator.render)),
    ):
        counted("all", translate_files)(translator, settings)
    return seconds


# --- Memory ---


def print_memory(directory: Path, options: argparse.Namespace) -> None:
    start, _ = child_usage(directory, directory / "small.png", SMALLEST_TILE)
    width, height = options.size
    print(f"\n{width} x {height}, {SCALE} times as large; a process on an image of {SMALLEST_TILE} x {SMALLEST_TILE}")
    print(f"has {start:.0f} MiB at its peak\n\n| tile | peak above that, MiB | processor seconds of the process |")
    print("| --- | --- | --- |")
    for tile in options.memory_tiles:
        most, seconds = child_usage(directory, directory / "photos" / "photo.png", tile)
        print(f"| {tile or 'whole'} | {most - start:.0f} | {seconds:.0f} |", flush=True)


def child_usage(directory: Path, image: Path, tile: int) -> tuple[float, float]:
    """(MiB of resident memory at the peak, processor seconds) of a process of jgan.upscale."""
    process = subprocess.Popen(
        [sys.executable, "-m", "jgan.upscale", *flags(directory, image, tile)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"error: jgan.upscale of tile {tile} ended with code {os.waitstatus_to_exitcode(status)}")
    return usage.ru_maxrss / 2**10, usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
