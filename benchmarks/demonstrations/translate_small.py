"""Trains the image-to-image configs that fit two cores on real images, scores them on held-out ones, and shows them.

    python benchmarks/demonstrations/translate_small.py --data DIR --out DIR [--rows maps colors] [--scale 0.1]

DIR holds the folders of FOLDERS: maps (pairs side by side), CIFAR-10's photos, flowers (trainA, trainB, testA, testB)
and photos for super-resolution beside Set5 and Set14. Each row is trained by jgan.main, drawn by jgan.translate or
jgan.upscale, and scored by jgan.compare and jgan.evaluate, all in processes of their own, whose processor time is the
table's. Writes table.md and two sheets a row: with the inputs, and without.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

FOLDERS = {
    "maps/train": "maps/train",
    "maps/val": "maps/val",
    "cifar10": "cifar10-sub/train",
    "flowers": "daisy2sunflower-32",
    "sr/train": "sr/bsds-train-100",
    "sr/Set5": "sr/Set5",
    "sr/Set14": "sr/Set14",
}
SHOWN = 8  # examples on a sheet
SIDES = {"flowers": 32, "colors": 32, "holes": 64, "maps": 128, "aerials": 128}  # at which sets are compared
HELD_OUT = 200  # photos of a set without a part for tests


@dataclasses.dataclass(frozen=True)
class Row:
    """One run: its config, where it learns, and what it is drawn from and compared with."""

    config: str
    source: str  # scheme:key of FOLDERS
    steps: tuple[int, ...]  # of each stage
    inputs: str  # key of FOLDERS, or a folder that `prepare` makes
    targets: str = ""  # likewise; "": the inputs, of which a task makes its own
    flags: tuple[str, ...] = ()  # of training
    draw: tuple[str, ...] = ()  # of drawing
    crop: int = 0
    luma: bool = False
    also: tuple[str, ...] = ()  # more inputs to draw from and to compare with


ROWS = {
    "maps": Row("pix2pix_small", "pairs:maps-128/train", (5_000,), "maps-128/val/A", "maps-128/val/B"),
    "aerials": Row(
        "pix2pix_small",
        "pairs:maps-128/train",
        (5_000,),
        "maps-128/val/B",
        "maps-128/val/A",
        flags=("--config.data.direction=b_to_a",),
    ),
    "colors": Row("colorization_small", "folder:photos/train", (3_000,), "photos/test", draw=("--degrade",)),
    "holes": Row("inpainting_small", "folder:sr/train", (1_000,), "patches", draw=("--degrade",)),
    "flowers": Row(
        "cyclegan_small",
        "unpaired:flowers",
        (9_000,),
        "flowers/testA",
        "flowers/testB",
        draw=("--direction", "a_to_b"),
    ),
    "sr2": Row(
        "srgan_small",
        "folder:sr/train",
        (2_000, 500),
        "sr/Set5",
        draw=("--degrade",),
        crop=2,
        luma=True,
        also=("sr/Set14",),
    ),
    "sr4": Row(
        "srgan_small",
        "folder:sr/train",
        (2_000, 500),
        "sr/Set5",
        flags=(
            "--config.game.generator.scale=4",
            "--config.data.task.scale=4",
            "--config.stages[0].resolution=96",
            "--config.stages[1].resolution=96",
        ),
        draw=("--degrade",),
        crop=4,
        luma=True,
        also=("sr/Set14",),
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("runs/translate-small"))
    parser.add_argument("--rows", nargs="*", choices=ROWS, default=list(ROWS))
    parser.add_argument("--scale", type=float, default=1.0, help="of the steps")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    prepare(options)
    for name in options.rows:
        row = ROWS[name]
        seconds = train(name, row, options)
        ways = drawings(row, options)
        scores = {label: scored(name, row, label, flags, options) for label, flags in ways}
        for inputs in row.also:
            other = dataclasses.replace(row, inputs=inputs)
            named = [(f"{label} on {Path(inputs).name}", flags) for label, flags in ways]
            scores |= {label: scored(name, other, label, flags, options) for label, flags in named}
        (options.out / f"{name}.json").write_text(json.dumps({"cpu_seconds": seconds, "scores": scores}, indent=1))
        show(name, row, [label for label, _ in ways], options)
    write_table(options)


def place(key: str, options: argparse.Namespace) -> Path:
    """A folder of the data, or one that was made of them."""
    first, _, rest = key.partition("/")
    for known in (key, first):
        if known in FOLDERS:
            return options.data / FOLDERS[known] / (rest if known == first else "")
    return options.out / key


def prepare(options: argparse.Namespace) -> None:
    """Maps in folders A and B, at half their size, held-out photos of each class, and squares of photos."""
    for part in ("train", "val"):
        if not (options.out / "maps-128" / part).exists() and {"maps", "aerials"} & set(options.rows):
            halve_pairs(place(f"maps/{part}", options), options.out / "maps-128" / part)
    if not (options.out / "photos").exists() and "colors" in options.rows:
        files = sorted(place("cifar10", options).rglob("*.jpg"))
        chosen = set(np.random.default_rng(0).choice(len(files), HELD_OUT, replace=False).tolist())
        for index, file in enumerate(files):
            part = options.out / "photos" / ("test" if index in chosen else "train")
            part.mkdir(parents=True, exist_ok=True)
            (part / f"{file.parent.name}-{file.name}").symlink_to(file.resolve())
    if not (options.out / "patches").exists() and "holes" in options.rows:
        (options.out / "patches").mkdir()
        for file in sorted([*place("sr/Set14", options).iterdir(), *place("sr/Set5", options).iterdir()]):
            image = Image.open(file).convert("RGB")
            side = min(image.size)
            image.crop((0, 0, side, side)).resize((64, 64), Image.Resampling.LANCZOS).save(
                options.out / "patches" / f"{file.stem}.png"
            )


def halve_pairs(pairs: Path, out: Path) -> None:
    """Folders A and B of pairs side by side, each image of half the height and width."""
    with tempfile.TemporaryDirectory() as whole:
        run("jgan.data", "split", "--source", f"pairs:{pairs}", "--out", Path(whole) / "pairs")
        for file in sorted(Path(whole).rglob("*.png")):
            small = out / file.relative_to(Path(whole) / "pairs")
            small.parent.mkdir(parents=True, exist_ok=True)
            image = Image.open(file)
            image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS).save(small)


def train(name: str, row: Row, options: argparse.Namespace) -> float:
    """Processor seconds of the run, which goes on where it was; kept beside it."""
    scheme, _, key = row.source.partition(":")
    workdir = options.out / name
    steps = [f"--config.stages[{i}].steps={max(1, int(options.scale * n))}" for i, n in enumerate(row.steps)]
    source = f"--config.data.source={scheme}:{place(key, options)}"
    kept = options.out / f"{name}.seconds"
    before = float(kept.read_text()) if kept.exists() else 0.0
    config = ("--config", f"configs/{row.config}.py", "--workdir", workdir)
    seconds = before + run("jgan.main", *config, source, *steps, *row.flags)
    kept.write_text(str(seconds))
    return seconds


def drawings(row: Row, options: argparse.Namespace) -> list[tuple[str, list[str]]]:
    """What is drawn of a run, and the flags for it."""
    if not row.luma:
        return [("network", [])]
    found = [("bicubic", ["--bicubic"]), ("network", [])]
    if len(row.steps) > 1:
        found.insert(1, ("first stage", ["--step", str(max(1, int(options.scale * row.steps[0])))]))
    return found


def scored(name: str, row: Row, label: str, flags: list[str], options: argparse.Namespace) -> dict[str, float]:
    """Means over the held-out images, each beside its target."""
    out = drawn(name, label, options)
    command = "jgan.upscale" if row.luma else "jgan.translate"
    arguments = ["--workdir", options.out / name, "--input", place(row.inputs, options), "--out", out, "--overwrite"]
    run(command, *arguments, *row.draw, *flags)
    reference = place(row.targets or row.inputs, options)
    scores = {}
    if name != "flowers":
        record = options.out / f"{name}-{label.replace(' ', '-')}.json"
        metrics = "psnr,ssim,psnr_y,ssim_y" if row.luma else "psnr,ssim"
        compared = ["--images", out, "--reference", reference, "--metrics", metrics, "--crop", str(row.crop)]
        run("jgan.compare", *compared, "--cut_reference", "--out", record)
        scores |= json.loads(record.read_text())["mean"]
    if not row.luma:
        result = options.out / f"{name}-eval"
        sets = ["--images", out, "--reference", reference, "--metrics", "fd,kd", "--features", "efficientnet_lite0"]
        run("jgan.evaluate", *sets, "--resolution", SIDES[name], "--out", result)
        found = json.loads((result / "eval.json").read_text())["scores"]
        scores |= {key: found[key] for key in found if key.startswith(("fd", "kd")) and "std" not in key}
    return scores


def drawn(name: str, label: str, options: argparse.Namespace) -> Path:
    return options.out / "drawn" / name / label.replace(" ", "-")


def show(name: str, row: Row, labels: list[str], options: argparse.Namespace) -> None:
    """Some held-out images, a row each: what was drawn in every way, then the input or target, and the other.

    And what was drawn alone, a column each.
    """
    files = sorted(drawn(name, labels[0], options).rglob("*.png"))
    files = files[:: max(1, len(files) // SHOWN)][:SHOWN]
    rows, alone = [], []
    for file in files:
        relative = file.relative_to(drawn(name, labels[0], options))
        images = [Image.open(drawn(name, label, options) / relative).convert("RGB") for label in labels]
        side = 160 if row.luma else 128
        alone.append(np.concatenate([np.asarray(fitted(image, side)) for image in images]))
        (source, *_) = place(row.inputs, options).rglob(f"{relative.stem}.*")
        images.append(Image.open(source).convert("RGB"))
        if name in ("maps", "aerials"):
            images.append(Image.open(place(row.targets, options) / relative).convert("RGB"))
        rows.append(np.concatenate([np.asarray(fitted(image, side)) for image in images], axis=1))
    Image.fromarray(np.concatenate(rows)).save(options.out / f"{name}.png")
    Image.fromarray(np.concatenate(alone, axis=1)).save(options.out / f"{name}-drawn.png")


def fitted(image: Image.Image, side: int) -> Image.Image:
    """The middle of a large image, at its own scale, or a small one enlarged."""
    if min(image.size) >= side:
        left, top = (image.width - side) // 2, (image.height - side) // 2
        return image.crop((left, top, left + side, top + side))
    return image.resize((side, side), Image.Resampling.NEAREST)


def write_table(options: argparse.Namespace) -> None:
    lines = [
        "| row | config | steps | processor minutes | drawn by | scores |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, row in ROWS.items():
        path = options.out / f"{name}.json"
        if not path.exists():
            continue
        record = json.loads(path.read_text())
        for label, scores in record["scores"].items():
            numbers = ", ".join(f"{key} {value:.4g}" for key, value in scores.items())
            steps = " + ".join(f"{int(options.scale * count):,}" for count in row.steps)
            minutes = f"{record['cpu_seconds'] / 60:.1f}"
            lines.append(f"| {name} | {row.config} | {steps} | {minutes} | {label} | {numbers} |")
    (options.out / "table.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


def run(module: str, *arguments: object) -> float:
    """Runs a command of jgan to its end; its processor seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", module, *map(str, arguments)], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
