"""The table and the contact sheet of the zoo."""

from __future__ import annotations

import dataclasses
import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from training_cost import Cost

from jgan import __version__
from jgan.reports.tables import NOTHING, Table, to_markdown
from jgan.rundir.atomic_files import replacing, write_json
from jgan.rundir.pictures import make_grid, save_png
from jgan.terminal.bars import duration

COLUMNS = 20  # samples of a family in the contact sheet
ZOOM = 2  # of its pixels
LABEL_WIDTH, FONT_SIZE, MARGIN = 230, 20, 8  # in its pixels
BLACK, RED = (0, 0, 0), (190, 0, 0)


@dataclasses.dataclass(frozen=True)
class Result:
    """What a run came to: numbers, or the reason why there are none."""

    data: str
    row: str
    seed: int
    overrides: tuple[str, ...]
    failure: str | None = None
    steps: int = 0
    cost: Cost | None = None  # None: not known
    scores: Mapping[str, float] = dataclasses.field(default_factory=dict)
    drawn: str | None = None  # directory of samples


@dataclasses.dataclass(frozen=True)
class Column:
    """A number of every run, None where it has none, and how it is written."""

    title: str
    value: Callable[[Result], float | None]
    write: Callable[[float], str]


def score(title: str, name: str, form: str = ".3g") -> Column:
    return Column(title, lambda result: result.scores.get(name), lambda value: format(value, form))


TRAINING = (
    Column("steps", lambda result: result.steps, lambda value: f"{value:,.0f}"),
    Column("time", lambda result: result.cost and result.cost.seconds, duration),
    Column("CPU time", lambda result: result.cost and result.cost.cpu_seconds, duration),
)
SCORES = (
    score("FD", "fd_efficientnet_lite0"),
    score("KD", "kd_efficientnet_lite0"),
    score("precision", "pr_efficientnet_lite0_precision", ".2f"),
    score("recall", "pr_efficientnet_lite0_recall", ".2f"),
)
READ = (
    score("accuracy", "accuracy", ".1%"),
    score("classes", "modes", "g"),
    score("KL", "modes_kl"),
)


def write(
    out: Path, results: Sequence[Result], rows: Sequence[str], real: Mapping[str, np.ndarray], num_samples: int
) -> None:
    """Writes zoo.json, zoo.md and a contact sheet for each data set.

    `rows` are all names in their order, `real` is a row of real images uint8 [COLUMNS, r, r, 3] for each data set.
    """
    machine = {"jgan": __version__, "cpu_count": os.cpu_count()}
    found = [dataclasses.asdict(result) for result in results]
    write_json(out / "zoo.json", {**machine, "num_samples": num_samples, "results": found})
    families = {data: _by_row(results, data, rows) for data in real}
    tables = [_table(data, families[data], num_samples) for data in real]
    with replacing(out / "zoo.md") as partial:
        partial.write_text(to_markdown(tables))
    for data, images in real.items():
        save_png(out / f"zoo_{data}.png", contact_sheet(images, families[data]))


def _by_row(results: Sequence[Result], data: str, rows: Sequence[str]) -> dict[str, list[Result]]:
    """The results of every row that has some."""
    of = {row: [result for result in results if (result.data, result.row) == (data, row)] for row in rows}
    return {row: found for row, found in of.items() if found}


# --- The table ---


def _table(data: str, families: Mapping[str, list[Result]], num_samples: int) -> Table:
    """A line for each family; means over the seeds that finished, with their range."""
    everything = [result for results in families.values() for result in results]
    columns = [*TRAINING, *SCORES, *(READ if data == "digits" else ())]
    failed = any(result.failure for result in everything)
    header = ["family", "seeds", *[column.title for column in columns], *(["failed"] if failed else [])]
    rows = []
    for name, results in families.items():
        finished = [result for result in results if not result.failure]
        seeds = ", ".join(str(result.seed) for result in finished) or NOTHING
        failures = "; ".join(f"seed {result.seed}: {result.failure}" for result in results if result.failure)
        cells = [_cell(column, finished) for column in columns]
        rows.append([name, seeds, *cells, *([failures or NOTHING] if failed else [])])
    caption = (
        f"{data}: FD and KD are the Frechet and the kernel distance on EfficientNet-Lite0, lower is better; "
        f"{num_samples:,} images of each side; mean over seeds (smallest to largest)"
    )
    return Table(caption, header, rows, _notes(everything))


def _cell(column: Column, results: Sequence[Result]) -> str:
    values = [value for result in results if (value := column.value(result)) is not None]
    if not values:
        return NOTHING
    mean, least, most = (column.write(value) for value in (statistics.fmean(values), min(values), max(values)))
    return mean if least == most else f"{mean} ({least} to {most})"


def _notes(results: Sequence[Result]) -> list[str]:
    read = {result.scores["modes_real"] for result in results if "modes_real" in result.scores}
    return [f"The classifier reads {value:.1%} of real digits that it was not trained on right." for value in read]


# --- The contact sheet ---


def contact_sheet(real: np.ndarray, families: Mapping[str, list[Result]]) -> np.ndarray:
    """A row of real images uint8 [COLUMNS, r, r, 3], and one of each family's first finished seed: [height, width, 3].

    A family all of whose runs failed has an empty row that says so.
    """
    labels, rows = [("real images", BLACK)], [real]
    for name, results in families.items():
        drawn = next((result.drawn for result in results if result.drawn), None)
        labels.append((name, BLACK) if drawn else (f"{name}: failed", RED))
        rows.append(read_samples(Path(drawn)) if drawn else np.full_like(real, 255))
    grid = make_grid(np.stack(rows)).repeat(ZOOM, axis=0).repeat(ZOOM, axis=1)
    height, width, _ = grid.shape
    sheet = Image.new("RGB", (LABEL_WIDTH + width, height), "white")
    sheet.paste(Image.fromarray(grid), (LABEL_WIDTH, 0))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=FONT_SIZE)
    for index, (label, color) in enumerate(labels):
        middle = round((index + 0.5) * height / len(labels))
        draw.text((MARGIN, middle), label, fill=color, font=font, anchor="lm")
    return np.asarray(sheet)


def read_samples(directory: Path) -> np.ndarray:
    """The numbered PNGs of `jgan.sample`, uint8 [COLUMNS, r, r, 3]."""
    images = []
    for path in sorted(directory.glob("[0-9]*.png")):
        with Image.open(path) as image:
            images.append(np.asarray(image.convert("RGB")))
    return np.stack(images)
