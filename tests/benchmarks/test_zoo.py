"""The zoo of benchmarks: its rows can be trained on both data sets; failures, what is done again and what is not."""

import json
import signal
from pathlib import Path

import numpy as np
import pytest
import zoo
import zoo_report
from PIL import Image
from run_directories import make_run
from tables import assert_rows
from zoo_rows import CONFIGS, DIGITS, ROWS, Row, cifar, plan

from jgan import config as configs
from jgan.ablation.subprocesses import ProcessResult
from jgan.rundir.pictures import save_png
from jgan.types import UserError

DATA_SETS = (DIGITS, cifar(Path("cifar10")))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_can_be_trained_on_both_data_sets(row, tmp_path):
    for data in DATA_SETS:
        config = plan(row, data, 3, tmp_path).config
        configs.check(config)
        config.game.check_data({"images": np.zeros((2, 32, 32, data.channels))}, num_classes=10)
        assert config.stages[-1].resolution == 32
        assert sum(stage.steps for stage in config.stages) == row.steps[data.name]
        assert (config.data.source, config.data.channels, config.seed) == (data.source, data.channels, 3)


def test_every_small_config_has_a_row_of_a_name_of_its_own():
    without_classes = {"text_digits"}  # captions: benchmarks/quality/caption_accuracy.py
    small = {path.stem for path in CONFIGS.glob("*_digits.py")} - without_classes
    assert_rows({row.config for row in ROWS} & small, small, "ROWS of benchmarks/demonstrations/zoo_rows.py")
    assert len({row.name for row in ROWS}) == len(ROWS)


def test_schedules_shrink_with_the_run_and_the_average_does_not(tmp_path):
    flags = [
        "--config.generator_optimizer.decay=linear",
        "--config.generator_optimizer.decay_images=96_000",  # all of the config's 1,500 steps of 64
        "--config.ema.half_life_images=500",
    ]
    body = f"return config.read_config({str(CONFIGS / 'quickstart.py')!r}, {flags})"
    (tmp_path / "scheduled.py").write_text(f"from jgan import config\n\ndef get_config():\n    {body}\n")
    row = Row("scheduled", str(tmp_path / "scheduled"), {"digits": 750}, {"stages[0].batch_size": 32})
    config = plan(row, DIGITS, 0, tmp_path, scale=0.5).config
    assert config.generator_optimizer.decay_images == 375 * 32
    assert config.discriminator_optimizer.decay_images == 0
    assert config.ema.half_life_images == 500.0


class StandIns:
    """Stand-ins that only leave behind what the commands would; they fail where `failing` says so, or stop the zoo."""

    def __init__(self):
        self.done, self.failing, self.stop_at, self.signal = [], {}, None, None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def run(self, command):
        module, options = command[2], dict(zip(command[3::2], command[4::2], strict=False))
        if module == "jgan.classifier":
            Path(options["--out"]).write_bytes(b"classifier")
            return ProcessResult(0, "")
        workdir = Path(options["--workdir"])
        name = f"{module.removeprefix('jgan.')} {'/'.join(workdir.parts[-3:])}"
        self.done.append(name)
        if name == self.stop_at:
            self.signal = signal.SIGTERM
            return ProcessResult(143, "Stopped")
        if name in self.failing:
            return self.failing[name]
        {"jgan.main": self.train, "jgan.evaluate": self.evaluate, "jgan.sample": self.sample}[module](
            workdir, options, command
        )
        return ProcessResult(0, "")

    def train(self, workdir, options, command):
        config = configs.read_config(options["--config"], command[7:])
        make_run(workdir, config, step=config.stages[0].steps)

    def evaluate(self, workdir, options, command):
        (step,) = (int(path.name) for path in (workdir / "checkpoints").iterdir())
        names = options["--metrics"].split(",")
        scores = {"fd_efficientnet_lite0": 10.0 + configs.load(workdir).seed, "modes": 9.0, "modes_real": 0.98}
        result = {
            "scores": scores | ({"accuracy": 0.875} if "accuracy" in names else {}),
            "definitions": dict.fromkeys(names, "..."),
            "classifier": {"sha256": zoo.sha256(Path(options["--classifier"]))},
            "images": {"step": step, "count": int(options["--num_samples"])},
        }
        (workdir / "eval").mkdir(exist_ok=True)
        (workdir / "eval" / "eval.json").write_text(json.dumps(result))

    def sample(self, workdir, options, command):
        out = Path(options["--out"])
        out.mkdir(parents=True)
        for name in [*(f"{index:05d}" for index in range(int(options["--num"]))), "grid"]:
            save_png(out / f"{name}.png", np.full((32, 32, 1), 64, np.uint8))


@pytest.fixture
def subprocesses(monkeypatch):
    standins = StandIns()
    monkeypatch.setattr(zoo, "Subprocesses", lambda: standins)
    monkeypatch.setattr(zoo, "ROWS", [row for row in ROWS if row.name in ("vanilla", "cgan")])  # each is checked
    monkeypatch.setattr(zoo, "real_images", lambda data: np.full((zoo.COLUMNS, 32, 32, 3), 128, np.uint8))
    return standins


def make_zoo(out, *arguments):
    return zoo.main(["--out", str(out), "--scale", "0.01", *arguments])


def cells(out, row):
    """The cells of a family's line, by the titles of their columns."""
    lines = [line.strip("| ").split(" | ") for line in (out / "zoo.md").read_text().splitlines() if "|" in line]
    return next(dict(zip(lines[0], line, strict=True)) for line in lines if line[0] == row)


def test_a_failure_is_shown_and_the_same_command_tries_it_again(tmp_path, subprocesses, capsys):
    both = ("--rows", "vanilla", "cgan", "--seeds", "2")
    nan = "step 3: the loss of phase 'generator' is nan"
    subprocesses.failing = {
        "main digits/vanilla/seed0": ProcessResult(2, f"error: {nan}"),
        "main digits/vanilla/seed1": ProcessResult(-9, ""),
        "evaluate digits/cgan/seed1": ProcessResult(2, "error: no such | file"),
    }
    assert make_zoo(tmp_path, *both) == 1
    assert subprocesses.done.count("sample digits/cgan/seed0") == 1
    vanilla, cgan = cells(tmp_path, "vanilla"), cells(tmp_path, "cgan")
    assert vanilla["failed"] == f"seed 0: train: {nan}; seed 1: train: was stopped by SIGKILL"
    assert (vanilla["seeds"], vanilla["FD"]) == ("-", "-")
    assert (cgan["seeds"], cgan["FD"], cgan["accuracy"], cgan["classes"]) == ("0", "10", "87.5%", "9")
    assert cgan["failed"] == r"seed 1: evaluate: no such \| file"
    assert f"failed: digits/vanilla/seed0: train: {nan}" in capsys.readouterr().err

    subprocesses.done, subprocesses.failing = [], {}
    assert make_zoo(tmp_path, *both) == 0
    assert "main digits/cgan/seed1" not in subprocesses.done
    assert len(subprocesses.done) == 2 * 3 + 2
    assert cells(tmp_path, "vanilla")["FD"] == "10.5 (10 to 11)"
    assert cells(tmp_path, "vanilla")["accuracy"] == "-"
    assert "failed" not in cells(tmp_path, "cgan")
    found = json.loads((tmp_path / "zoo.json").read_text())["results"]
    assert [(result["row"], result["seed"]) for result in found] == [
        *(("vanilla", 0), ("cgan", 0), ("vanilla", 1), ("cgan", 1))
    ]

    subprocesses.done = []
    assert make_zoo(tmp_path, *both) == 0
    assert not subprocesses.done
    assert make_zoo(tmp_path, "--rows", "vanilla", "--num-samples", "100") == 0
    assert subprocesses.done == ["evaluate digits/vanilla/seed0"]  # measured in another way, and drawn already


def test_an_interruption_keeps_what_is_finished(tmp_path, subprocesses):
    subprocesses.stop_at = "evaluate digits/cgan/seed0"
    assert make_zoo(tmp_path) == 128 + signal.SIGTERM
    assert subprocesses.done[-1] == subprocesses.stop_at
    assert cells(tmp_path, "vanilla")["FD"] == "10"
    assert "| cgan |" not in (tmp_path / "zoo.md").read_text()
    subprocesses.done, subprocesses.stop_at, subprocesses.signal = [], None, None
    assert make_zoo(tmp_path, "--rows", "cgan") == 0
    assert subprocesses.done == ["evaluate digits/cgan/seed0", "sample digits/cgan/seed0"]
    assert cells(tmp_path, "vanilla")["FD"] == "10"


def test_a_finished_run_of_other_settings_is_not_taken_for_this_one(tmp_path, subprocesses):
    assert make_zoo(tmp_path, "--rows", "vanilla") == 0
    workdir = tmp_path / "digits" / "vanilla" / "seed0"
    run = plan(ROWS[0], DIGITS, 0, tmp_path, 0.01)
    assert zoo.is_trained(run)
    other = configs.override(run.config, ["--config.generator_optimizer.learning_rate=1"])
    configs.save(other, workdir / "config.json")
    assert not zoo.is_trained(run)


def test_the_contact_sheet_has_a_row_of_each_family(tmp_path, subprocesses):
    subprocesses.failing = {"main digits/cgan/seed0": ProcessResult(2, "error: no")}
    assert make_zoo(tmp_path, "--rows", "vanilla", "cgan") == 1
    with Image.open(tmp_path / "zoo_digits.png") as image:
        sheet = np.asarray(image)
    rows = np.array_split(sheet[:, zoo_report.LABEL_WIDTH :], 3)
    assert [np.bincount(row.ravel()).argmax() for row in rows[:2]] == [128, 64]  # real images, samples
    assert (rows[2] == 255).all()
    labels = np.array_split(sheet[:, : zoo_report.LABEL_WIDTH], 3)
    assert [(label.min(axis=(0, 1)) < 64).tolist() for label in labels] == [
        *([True] * 3, [True] * 3, [False, True, True])  # a failure's is red
    ]


def test_real_images_are_of_the_classes_in_turn(tmp_path):
    for label in range(10):
        (tmp_path / f"class{label}").mkdir()
        for index in range(3):
            save_png(tmp_path / f"class{label}" / f"{index}.png", np.full((40, 32, 3), 20 * label + index, np.uint8))
    images = zoo.real_images(cifar(tmp_path))
    assert images.shape == (zoo.COLUMNS, 32, 32, 3)
    assert (images[:, 0, 0, 0] // 20).tolist() == [*range(10)] * 2
    assert len(np.unique(images[:, 0, 0, 0])) == zoo.COLUMNS

    (tmp_path / "class9").rename(tmp_path / "class8" / "more")
    with pytest.raises(UserError, match="9 classes; expected a sub-folder for each of 10"):
        zoo.real_images(cifar(tmp_path))
