"""The kinds of JSON and tables that jgan reads: of runs, sweeps, prepared data, labels and captions."""

from __future__ import annotations

import contextlib
import io
import json
import multiprocessing
import shutil
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import fuzz_mutations as mutations
from hypothesis import strategies as st
from PIL import Image

from jgan import command
from jgan import config as configs
from jgan.data import __main__ as data_command
from jgan.data import prepare as preparing
from jgan.data.pixels import Format
from jgan.data.registry import open_source
from jgan.errors import UserError
from jgan.inference.sample_files import SampleFiles
from jgan.inference.translated_files import Made, TranslatedFiles
from jgan.inference.weights import restore_generator
from jgan.reports.groups import collect
from jgan.reports.page import make_page
from jgan.reports.tables import score_tables, to_csv, to_screen
from jgan.rundir.atomic_files import sha256
from jgan.rundir.checkpoints import Checkpoints
from jgan.training.start_from import find_start

EARLIER = Path(__file__).resolve().parents[2] / "tests" / "golden" / "earlier_run"
CONFIGS = ("dcgan", "cyclegan", "progan", "r3gan", "text", "esrgan", "inpainting", "sngan")


class Target(NamedTuple):
    """A kind of input: how it is made, what reads it, and which words a refusal has one of."""

    inputs: st.SearchStrategy[Any]
    take: Callable[[Any], None]
    names: tuple[str, ...]


def of_file(path: Path, inputs: st.SearchStrategy[bytes], read: Callable[[], object]) -> Target:
    """A file that is written anew for each input, and then read."""

    def take(content: bytes) -> None:
        path.write_bytes(content)
        read()

    return Target(inputs, take, (path.name, str(path.parent)))


def config_json(folder: Path) -> Target:
    """Loaded, and where it is the run's own but for what may differ, the run's weights restored with it."""
    shutil.copytree(EARLIER, folder / "run")
    own = json.loads((EARLIER / "config.json").read_text())
    others = [json.loads(json.dumps(configs.to_saved(configs.read_config(name, [])))) for name in CONFIGS]

    def read() -> None:
        config = configs.load(folder / "run")
        configs.flatten(config)
        restore_generator(config, folder / "run")

    target = of_file(folder / "run" / "config.json", mutations.json_files(own, own, *others), read)
    return target._replace(names=(*target.names, "game.", "data.", "stages", "batch_size"))


def checkpoint_record(folder: Path) -> Target:
    """Of a checkpoint whose checksums are gone, so that nothing else refuses it."""
    run = folder / "run"
    shutil.copytree(EARLIER, run)
    (run / "checkpoints/20/sha256.json").unlink()
    path = run / "checkpoints/20/record/metadata"
    config = configs.load(run)

    def read() -> None:
        Checkpoints(run, read_only=True).records()
        restore_generator(config, run)

    target = of_file(path, mutations.json_files(json.loads(path.read_text())), read)
    return target._replace(names=(str(run / "checkpoints"),))


def checksums(folder: Path) -> Target:
    """sha256.json of a checkpoint."""
    run = folder / "run"
    shutil.copytree(EARLIER, run)
    path = run / "checkpoints/20/sha256.json"
    read = Checkpoints(run, read_only=True).newest_record
    target = of_file(path, mutations.json_files(json.loads(path.read_text())), read)
    return target._replace(names=(str(run / "checkpoints"),))


def save_images(folder: Path, names: Iterable[str], size: int = 8) -> None:
    """A small picture under each name."""
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (size, size), (40 * number, 90, 200)).save(folder / name)


def as_program(main: command.Main, argv: list[str]) -> None:
    """Runs a command as `jgan` does. Raises UserError with the line that it printed."""
    said, code = io.StringIO(), 0
    with mock.patch.object(sys, "argv", ["jgan", *argv]), mock.patch.object(command.signal, "signal"):
        try:
            with contextlib.redirect_stderr(said):
                command.run_without_jax(main)
        except SystemExit as end:
            code = end.code
    sys.stderr.write(said.getvalue())
    if code not in (0, 1, 2) or isinstance(code, bool):
        raise AssertionError(f"exit code {code!r}")
    if code == 2:
        raise UserError(said.getvalue().strip().rpartition("\n")[2])


def inspected(source: str) -> Callable[[], object]:
    """`jgan data inspect` of a source."""
    return lambda: as_program(data_command.main, ["inspect", "--source", source])


def prepared(folder: Path) -> Path:
    """A directory of prepared data, written in this process."""
    save_images(folder, ["images/a/0.png", "images/a/1.png", "images/b/2.png"])
    source, out = open_source(f"folder:{folder}/images"), folder / "prepared"

    def write_here(source: Any, form: Any, todo: Any, on_error: str, *_: Any) -> Iterator[Any]:
        mine = source, form, on_error, multiprocessing.Value("q", 0), threading.Event()
        with mock.patch.object(preparing, "_worker", mine):
            yield from [(shard, preparing._write_shard(shard)) for shard in todo]

    with mock.patch.object(preparing, "_write_all", write_here):
        preparing.prepare(source, Format(8, 3, "crop", 255), out, "refuse", 1)
    return out


def manifest_json(folder: Path) -> Target:
    """Of prepared data."""
    path = prepared(folder) / "manifest.json"
    inputs = mutations.json_files(json.loads(path.read_text()))
    return of_file(path, inputs, inspected(f"records:{path.parent}"))


def plan_json(folder: Path) -> Target:
    """Of data that are prepared once more."""
    path = prepared(folder) / "plan.json"
    argv = ["prepare", "--source", f"folder:{folder}/images", "--out", str(path.parent), "--resolution", "8"]
    return of_file(
        path, mutations.json_files(json.loads(path.read_text())), lambda: as_program(data_command.main, argv)
    )


def dataset_json(folder: Path) -> Target:
    """NVIDIA's labels of a folder."""
    names = ["0/a.png", "0/b.png", "1/c.png"]
    save_images(folder / "images", names)
    data = {"labels": [[name, int(name[0])] for name in names]}
    return of_file(folder / "images/dataset.json", mutations.json_files(data), inspected(f"folder:{folder}/images"))


def labels_csv(folder: Path) -> Target:
    """Labels of a folder, numbers or names."""
    names = ["a.png", "b.png", "c.png"]
    save_images(folder / "images", names)
    rows = [["file", "label"], *([name, str(number % 2)] for number, name in enumerate(names))]
    named = [["file", "label"], ["a.png", "cat"], ["b.png", '"sea, calm"'], ["c.png", "cat"]]
    inputs = st.one_of(mutations.tables(rows), mutations.tables(named))
    return of_file(folder / "images/labels.csv", inputs, inspected(f"folder:{folder}/images"))


def captions_csv(folder: Path) -> Target:
    """Captions of a folder."""
    names = ["a.png", "b.png"]
    save_images(folder / "images", names)
    rows = [["file", "caption"], ["a.png", "a thin seven"], ["a.png", '"bold, upright"'], ["b.png", "three"]]
    return of_file(folder / "images/captions.csv", mutations.tables(rows), inspected(f"captions:{folder}/images"))


def _run(folder: Path) -> Path:
    """A run's directory with every file that a report reads."""
    run = folder / "run"
    shutil.copytree(EARLIER, run)
    save_images(run, ["samples/samples_00000020.png"])
    return run


def _reported(run: Path) -> Callable[[], object]:
    def read() -> None:
        groups = collect([run])
        make_page("a run", groups, [])
        to_csv(groups)
        to_screen(score_tables(groups)[0])

    return read


def _lines_of_a_run(name: str, lines: list[dict[str, Any]]) -> Callable[[Path], Target]:
    def make(folder: Path) -> Target:
        run = _run(folder)
        target = of_file(run / name, mutations.json_lines(lines), _reported(run))
        return target._replace(names=(str(run),))

    make.__doc__ = f"{name} of a run, as a report reads it."
    return make


def _json_of_a_run(name: str, data: Any) -> Callable[[Path], Target]:
    def make(folder: Path) -> Target:
        run = _run(folder)
        (run / name).parent.mkdir(exist_ok=True)
        return of_file(run / name, mutations.json_files(data), _reported(run))

    make.__doc__ = f"{name} of a run, as a report reads it."
    return make


def sweep_json(folder: Path) -> Target:
    """The record of a sweep."""
    runs = [{"name": f"seed={seed}", "values": {"game.r1_gamma": 0.1}, "seed": seed} for seed in (0, 1)]
    sweep = folder / "sweep"
    for run in runs:
        shutil.copytree(EARLIER, sweep / str(run["name"]))
    data = {"config": "dcgan", "overrides": [], "grid": ["game.r1_gamma=0.1"], "seeds": 2, "base": {}, "runs": runs}
    return of_file(sweep / "sweep.json", mutations.json_files(data), _reported(sweep))


def failures_json(folder: Path) -> Target:
    """Why runs of a sweep failed."""
    sweep_json(folder)
    runs = [{"name": "seed=0", "values": {}, "seed": 0}]
    data = {"config": "dcgan", "overrides": [], "grid": [], "seeds": 1, "base": {}, "runs": runs}
    (folder / "sweep/sweep.json").write_text(json.dumps(data))
    path = folder / "sweep/failures.json"
    return of_file(path, mutations.json_files({"seed=0": "exit code 1", "seed=1": "killed"}), _reported(path.parent))


def start_json(folder: Path) -> Target:
    """From where a run began."""
    run = folder / "run"
    run.mkdir()
    data = {"from": str(folder / "other"), "keep_step": False, "taken": ["a"]}
    return of_file(run / "start.json", mutations.json_files(data), lambda: find_start(run, None))


def sampled_json(folder: Path) -> Target:
    """What the images of a directory were sampled by."""
    out = folder / "generated"
    out.mkdir()
    save_images(out, ["00000.png"])
    made_by = {"step": 20, "seed": 0, "weights": "0123", "labels": [0, 1], "truncation": None}
    files = SampleFiles(out, 1, made_by)
    return of_file(out / "sampled.json", mutations.json_files(made_by), lambda: files.begin(overwrite=False))


def translated_jsonl(folder: Path) -> Target:
    """What the images of a directory were translated by, as one that goes on reads it."""
    out, by = folder / "translated", {"weights": "0123", "step": 20, "direction": None, "seed": 0, "tile": None}
    out.mkdir()
    save_images(out, ["a.png", "b.png"])
    lines: list[dict[str, Any]] = [{"made_by": by}]
    for name in ("a.png", "b.png"):
        lines.append({"file": name, "input": name, "bytes": 99, "sha256": sha256(out / name)})
    places = {out / name: Made(by, name, 99) for name in ("a.png", "b.png")}

    def read() -> None:
        TranslatedFiles(out, by).check(places, overwrite=False, skip=True)

    return of_file(out / "translated.jsonl", mutations.json_lines(lines), read)


_LINE = {"step": 10, "images_seen": 80, "generator/loss": 1.0, "generator/grad_norm": 2.0}
_SCORES = {"step": 10, "images_seen": 80, "averaged/fd": 8.5, "averaged/psnr": "inf", "settings": {"seed": 0}}
_EVENT = {"step": 0, "time": "2026-01-02T03:04:05+00:00", "event": "starting at step 0 of 40"}
_RESULT = {
    "scores": {"fd": 8.5, "psnr": "inf"},
    "images": {"count": 4, "source": "folder:a", "step": 20},
    "reference": {"source": "folder:b", "count": 4, "resolution": {"resolution": 8, "channels": 3}},
    "extractors": {"inception": {"dtype": "float32", "title": "Inception v3"}},
    "warnings": ["few images"],
}
KINDS: dict[str, Callable[[Path], Target]] = {
    "config.json": config_json,
    "checkpoint record": checkpoint_record,
    "sha256.json": checksums,
    "manifest.json": manifest_json,
    "plan.json": plan_json,
    "dataset.json": dataset_json,
    "labels.csv": labels_csv,
    "captions.csv": captions_csv,
    "metrics.jsonl": _lines_of_a_run("metrics.jsonl", [_LINE, {**_LINE, "step": 20, "images_seen": 160}]),
    "timings.jsonl": _lines_of_a_run(
        "timings.jsonl", [{"step": 10, "time/seconds": 4.0, "time/images_per_second": 2.0}]
    ),
    "evaluations.jsonl": _lines_of_a_run("evaluations.jsonl", [_SCORES, {**_SCORES, "step": 20, "images_seen": 160}]),
    "events.jsonl": _lines_of_a_run("events.jsonl", [_EVENT, {**_EVENT, "step": 10, "event": "resuming"}]),
    "environment.json": _json_of_a_run("environment.json", json.loads((EARLIER / "environment.json").read_text())),
    "eval.json": _json_of_a_run("eval/eval.json", _RESULT),
    "sweep.json": sweep_json,
    "failures.json": failures_json,
    "start.json": start_json,
    "sampled.json": sampled_json,
    "translated.jsonl": translated_jsonl,
}
