"""Commands as a user types them: what they print, write and refuse."""

import importlib
import json
import re

import numpy as np
import pytest
import runs
from PIL import Image

from jgan.rundir.pictures import LEGEND_HEIGHT
from jgan.types import UserError


def sample(workdir, out, *arguments):
    code, stdout, err = runs.call("jgan.sample", "--workdir", workdir, "--out", out, *arguments)
    assert code == 0, err
    return [read_image(path) for path in sorted(out.glob("[0-9]*.png"))], stdout


def read_image(path):
    with Image.open(path) as image:
        return np.asarray(image)


def test_a_run_directory_holds_what_the_readme_says(workdir):
    names = {path.name for path in workdir.iterdir()} - {".lock"}
    assert names == {
        *("config.json", "environment.json", "metrics.jsonl", "timings.jsonl", "events.jsonl"),
        *("checkpoints", "samples", "plots", "tensorboard"),
    }
    samples = [f"samples_{step:08d}.png" for step in (0, 6, 12)]
    assert sorted(path.name for path in (workdir / "samples").iterdir()) == ["progress.gif", *samples]
    grid = read_image(workdir / "samples" / "samples_00000012.png")
    assert grid.shape == (LEGEND_HEIGHT + 8 * (8 + 2) + 2, 10 * (8 + 2) + 2)  # one column per class
    assert {"loss.png", "grad_norm.png"} <= {path.name for path in (workdir / "plots").iterdir()}
    lines = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [5, 10, 12]
    assert {"discriminator/loss", "generator/loss", "images_seen"} <= set(lines[0])
    environment = json.loads((workdir / "environment.json").read_text())[0]
    assert {"git_commit", "devices", "packages", "python"} <= set(environment)
    assert (environment["git_commit"] is not None) == (runs.ROOT / ".git").exists()


def test_tensorboard_reads_the_events(workdir):
    from tensorboardX.proto.event_pb2 import Event

    (file,) = (workdir / "tensorboard").iterdir()
    data, events = file.read_bytes(), []
    while data:  # TFRecord: length, its checksum, the record, its checksum
        length = int.from_bytes(data[:8], "little")
        events.append(Event.FromString(data[12 : 12 + length]))
        data = data[16 + length :]
    scalars = {(event.step, value.tag): value.simple_value for event in events for value in event.summary.value}
    logged = json.loads((workdir / "metrics.jsonl").read_text().splitlines()[-1])
    assert scalars[12, "generator/loss"] == pytest.approx(logged["generator/loss"], rel=1e-6)
    assert (12, "samples") in scalars


def test_sampling_is_a_function_of_seed_index_and_label(workdir, tmp_path):
    images, stdout = sample(workdir, tmp_path / "a", "--num", "7", "--labels", "3,5", "--seed", "1")
    assert len(images) == 7
    assert "EMA weights at step 12" in stdout
    assert read_image(tmp_path / "a" / "grid.png").shape == (4 * 10 + 2, 2 * 10 + 2)
    again, _ = sample(workdir, tmp_path / "b", "--num", "5", "--labels", "3,5", "--seed", "1", "--batch_size", "2")
    np.testing.assert_array_equal(images[:5], again)
    raw, _ = sample(workdir, tmp_path / "c", "--num", "5", "--labels", "3,5", "--seed", "1", "--raw")
    assert not np.array_equal(again, raw)
    truncated, _ = sample(
        workdir, tmp_path / "d", "--num", "5", "--labels", "3,5", "--seed", "1", "--truncation", "0.1"
    )
    assert not np.array_equal(again, truncated)
    other_label, _ = sample(workdir, tmp_path / "e", "--num", "1", "--labels", "4", "--seed", "1")
    code, _, err = runs.call("jgan.sample", "--workdir", workdir, "--out", tmp_path / "a", "--num", "5")
    assert (code, err) == (
        2,
        f"error: --out={tmp_path}/a: holds 00000.png sampled otherwise; choose another directory, or replace them all "
        "by --overwrite\n",
    )
    assert not np.array_equal(images[0], other_label[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("jgan.sample", "--workdir", "RUN", "--out", "o", "--labels", "3,10"), "--labels=3,10: 10 is not a class"),
        (("jgan.sample", "--workdir", "RUN", "--out", "o", "--labels", "x"), "--labels=x: expected numbers separated"),
        (("jgan.sample", "--workdir", "RUN", "--out", "o", "--num", "0"), "--num=0: expected 1 to 100,000,000"),
        (("jgan.sample", "--workdir", "no-run", "--out", "o"), "no-run/config.json: no such file"),
        (("jgan.sample", "--out", "o"), "the following arguments are required: --workdir"),
        (("jgan.main", "--config", "configs/dgcan.py", "--workdir", "x"), "--config=configs/dgcan.py: no such config"),
        (("jgan.data.__main__", "--helpp"), "--helpp: unknown option; did you mean --help?"),
        (("jgan.main", "--workdir", "x"), "--workdir=x: holds no run to go on with"),
        (("jgan.main", "--config", "configs/dcgan.py"), "--workdir: expected the directory of the run"),
        (
            ("jgan.main", "--config", "configs/dcgan.py", "--workdir", "x", "--config.game.generator.chanels=3"),
            "--config.game.generator.chanels: no such field; did you mean game.generator.channels",
        ),
        (
            ("jgan.main", "--workdir", "RUN", "--config.seed=3"),
            "holds a run of another config (seed: was 0, now 3)",
        ),
    ],
)
def test_bad_input_is_one_line(workdir, arguments, message, monkeypatch):
    monkeypatch.chdir(runs.ROOT)
    module, *argv = (str(workdir) if argument == "RUN" else argument for argument in arguments)
    with pytest.raises(UserError) as error:
        importlib.import_module(module).main(argv)
    assert message in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_bad_input_exits_with_2_and_no_traceback():
    code, _, err = runs.run("jgan.main", "--config", "configs/dcgan.py", "--workdir", "x", "--config.sed=1")
    assert code == 2
    assert err.startswith("error: --config.sed: no such field; did you mean seed")
    assert len(err.splitlines()) == 1


def test_dry_run_tells_the_cost_and_leaves_nothing(tmp_path):
    config = tmp_path / "conditional.py"
    config.write_text(runs.CONDITIONAL)
    code, out, err = runs.call("jgan.main", "--config", config, "--workdir", tmp_path / "run", "--dry_run")
    assert code == 0, err
    for text in ("game.latent_dim = 4", "to_image/kernel", "GFLOP", "temporaries", "stages[0].steps = 12"):
        assert text in out
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_dry_run_plans_for_devices_and_data_that_are_not_here(tmp_path):
    config = tmp_path / "conditional.py"
    config.write_text(runs.CONDITIONAL)
    flags = ["--config", config, "--dry_run", "--devices", "1,4", "--config.data.source=folder:nowhere"]
    code, out, err = runs.run("jgan.main", *flags)
    assert code == 0, err
    assert re.search(r"Data: NOT THERE, only their shapes are planned with \(.*nowhere", out)
    rows = [line.split("|")[1:-1] for line in out.splitlines() if line.startswith(("| 1 |", "| 4 |"))]
    assert [[cell.strip() for cell in row[:2]] for row in rows] == [["1", "whole"], ["4", "whole"], ["4", "1/4"]]
    assert float(rows[0][3]) == pytest.approx(4 * float(rows[1][3]), rel=1e-3)


def test_devices_are_only_simulated_to_plan():
    for flags, message in (
        (["--devices", "8"], "--devices: only --dry_run simulates devices"),
        (["--dry_run", "--devices", "1,0"], "--devices=1,0: expected numbers from 1 to 1024"),
    ):
        code, _, err = runs.call("jgan.main", "--config", "configs/dcgan.py", *flags)
        assert (code, len(err.splitlines())) == (2, 1)
        assert err.startswith(f"error: {message}")


def test_help_explains():
    code, out, _ = runs.run("jgan.main", "--help")
    assert code == 0
    assert "jgan train --config dcgan --workdir runs/dcgan" in out
