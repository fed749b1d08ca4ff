"""python -m jgan.sweep: the grid, what is run and what is not, failures, interruptions, tables."""

import csv
import json
import os
import shlex
import signal
import statistics
import subprocess
import sys

import pytest
import runs
from run_directories import make_run

import jgan.sweep
from jgan import config as configs
from jgan.ablation.grid import parse_axes, plan
from jgan.ablation.subprocesses import ProcessResult, Subprocesses
from jgan.sweep import main
from jgan.training.interruption import Interruption
from jgan.types import UserError

pytestmark = pytest.mark.usefixtures("few_plots")

FD = "averaged/fd_efficientnet_lite0"
GRID = ("--grid", "game.r1_gamma=0.1,1", "--seeds", "2")


class StandIns:
    """Stand-ins that only leave a finished run, fail where `failing` says so, and stop the sweep at `stop_at`."""

    def __init__(self):
        self.commands, self.failing, self.stop_at, self.signal = [], {}, None, None
        self.measures = True  # while they train

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def run(self, command):
        self.commands.append(command)
        if command[3] == "--workdir":  # to be measured
            with (runs.ROOT / command[4] / "evaluations.jsonl").open("a") as file:
                file.write(json.dumps({"step": 40, "images_seen": 320, FD: 3.0}) + "\n")
            return ProcessResult(0, "")
        options = dict(zip(command[3::2], command[4::2], strict=False))
        workdir = runs.ROOT / options["--workdir"]
        if len(self.commands) == self.stop_at:
            self.signal = signal.SIGTERM
            return ProcessResult(143, "Stopped")
        for part, ending in self.failing.items():
            if part in workdir.name:
                return ending
        config = configs.read_config(options["--config"], command[7:])
        final = 10 * config.game.r1_gamma + config.seed
        steps = config.stages[0].steps
        if workdir.exists():  # a longer run of the same config
            (workdir / "checkpoints" / str(steps)).mkdir()
        else:
            scores = [(20, {FD: final - 0.5}), (40, {FD: final})] if self.measures else []
            make_run(workdir, config, step=steps, scores=scores)
        return ProcessResult(0, "")

    def names(self):
        return [command[6].rpartition("/")[2] for command in self.commands]


@pytest.fixture
def subprocesses(monkeypatch):
    standins = StandIns()
    monkeypatch.setattr(jgan.sweep, "Subprocesses", lambda: standins)
    return standins


def sweep(directory, *arguments):
    config = runs.write_config(directory)
    return main(["--config", str(config), "--workdir", str(directory / "x"), *map(str, arguments)])


def planned(tmp_path, *grid, seeds=1):
    return plan(configs.read_config(str(runs.write_config(tmp_path)), []), parse_axes(grid), seeds)


def test_a_grid_is_every_combination_under_readable_names(tmp_path):
    points = planned(tmp_path, "game.adversarial=minimax,least_squares", "ema.half_life_images=1e-4,2.5e3", seeds=2)
    assert [run.recorded.name for run in points] == [
        f"game.adversarial={loss},half_life_images={life},seed={seed}"
        for seed in (0, 1)
        for loss in ("minimax", "least_squares")
        for life in ("1e-4", "2500")
    ]
    assert points[1].flags == (
        "--config.game.adversarial=minimax",
        "--config.ema.half_life_images=2.5e3",
        "--config.seed=0",
    )
    assert points[1].recorded.values == {"game.adversarial": "minimax", "ema.half_life_images": 2500.0}
    (short,) = planned(tmp_path, "generator_optimizer.learning_rate=1e-05")
    assert short.recorded.name == "generator_optimizer.learning_rate=1e-5,seed=0"  # the discriminator has one too


def test_values_with_commas_and_names_for_file_systems(tmp_path):
    points = planned(tmp_path, "game.generator.widths=(16,32),(64,)", "data.source='folder:a,b',folder:A/c,mnist5k")
    assert [run.recorded.values["game.generator.widths"] for run in points[::3]] == [[16, 32], [64]]
    assert [run.recorded.values["data.source"] for run in points[:3]] == ["folder:a,b", "folder:A/c", "mnist5k"]
    names = [run.recorded.name for run in points]
    assert names[2] == "generator.widths=16x32,source=mnist5k,seed=0"
    assert len({name.lower() for name in names}) == 6
    assert not any(set(name) & set("/:'\"\\*?<>| []()") for name in names)
    steps = planned(tmp_path, "stages[0].steps=3,4")
    assert [(run.steps, run.recorded.name) for run in steps] == [(3, "steps=3,seed=0"), (4, "steps=4,seed=0")]
    long = planned(tmp_path, f"data.source={'a' * 300},{'a' * 301}")
    assert len({run.recorded.name for run in long}) == 2
    assert all(len(run.recorded.name) < 200 for run in long)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seeds", "99999999999"], "--seeds=99999999999: 99,999,999,999 runs with the grid; expected 10,000 at most"),
        (["--grid", "game.adversarial"], "--grid game.adversarial: expected field=value,value"),
        (
            ["--grid", "game.adversarail=minimax"],
            "--grid game.adversarail=minimax: no such field; did you mean game.ad",
        ),
        (
            ["--grid", "game.adversarial=minimax,hing"],
            "--grid game.adversarial=hing: expected one of",
        ),
        (["--grid", "game.latent_dim=0"], "--grid game.latent_dim=0: expected at least 1"),
        (["--grid", "game.r1_gamma=-1"], "--grid game.r1_gamma=-1: expected"),
        (["--grid", "game.r1_gamma=1,x"], "--grid game.r1_gamma=x: expected a number"),
        (["--grid", "game.r1_gamma=0.1,1e-1"], "--grid game.r1_gamma=1e-1: this value is given twice"),
        (["--grid", "game.r1_gamma=1", "--grid", "game.r1_gamma=2"], "game.r1_gamma is given twice"),
        (["--grid", "game.r1_gamma=1,"], "--grid game.r1_gamma=1,: a value is empty"),
        (["--grid", "game.generator.widths=(1,2"], "a bracket or a quote has no other half"),
        (
            ["--grid", "game.r1_gamma=1", "--grid", "stages[0].resolution=9"],
            "--grid game.r1_gamma=1 --grid stages[0].resolution=9: stages[0].resolution=9: ",
        ),
        (["--grid", "data.fit=crop,crops"], "--grid data.fit=crops: data.fit is 'crops'; choose one of"),
        (["--grid", "data.jitter=1,3"], "--grid data.jitter=3: expected 1 to 2 times"),
        (["--grid", "data.task.name=none,blur"], "--grid data.task.name=blur: "),
        (
            ["--grid", "data.fit=patch", "--grid", "data.jitter=1,1.2"],
            "--grid data.fit=patch --grid data.jitter=1.2: data.jitter=1.2: patches are cut at random already",
        ),
        (["--grid", "data.source=mnist5k,folder:nowhere"], "--grid data.source=folder:nowhere: "),
        (["--grid", "data.source=mnist5k,mnist"], "--grid data.source=mnist: "),
        (["--grid", "seed=1,2"], "--grid seed=1,2: seeds are chosen by --seeds"),
        (["--config.seed=1"], "--config.seed=1: the seeds of a sweep are 0 to N - 1"),
        (["--grid", "game.r1_gamma=1", "--config.game.r1_gamma=2"], "--grid game.r1_gamma chooses this field"),
        (["--seeds", "0"], "--seeds=0: expected at least 1"),
    ],
)
def test_refusals_are_one_line_and_nothing_runs(tmp_path, subprocesses, arguments, message):
    with pytest.raises(UserError) as error:
        sweep(tmp_path, *arguments)
    assert message in str(error.value)
    assert len(str(error.value).splitlines()) == 1
    assert not (tmp_path / "x").exists()
    assert not subprocesses.commands


def test_a_failure_is_not_the_end_and_the_same_command_goes_on(tmp_path, subprocesses, capsys):
    failing = "r1_gamma=1,seed=0"
    subprocesses.failing = {failing: ProcessResult(2, "error: step 3: the loss of phase 'generator' is nan")}
    assert sweep(tmp_path, *GRID) == 1
    everything = ["r1_gamma=0.1,seed=0", failing, "r1_gamma=0.1,seed=1", "r1_gamma=1,seed=1"]
    assert subprocesses.names() == everything
    out, err = capsys.readouterr()
    assert f"run 2 of 4: {failing}" in out
    assert err.splitlines()[-1] == f"failed: {failing}: step 3: the loss of phase 'generator' is nan"
    page = (tmp_path / "x" / "report.html").read_text()
    assert "4 runs: 3 finished, 1 failed" in page
    assert "the loss of phase &#x27;generator&#x27; is nan" in page

    subprocesses.commands, subprocesses.failing = [], {}
    assert sweep(tmp_path, *GRID) == 0
    assert subprocesses.names() == [failing]
    assert "4 runs: 4 finished" in (tmp_path / "x" / "report.html").read_text()
    assert json.loads((tmp_path / "x" / "failures.json").read_text()) == {}
    assert sweep(tmp_path, *GRID) == 0
    assert subprocesses.names() == [failing]

    rows = list(csv.DictReader((tmp_path / "x" / "table.csv").read_text().splitlines()))
    assert [(row["game.r1_gamma"], row["finished"], row["score"]) for row in rows] == [
        ("0.1", "2", FD),
        ("1.0", "2", FD),
    ]
    # The stand-ins' scores: 10 gamma + seed, and half a point less at step 20.
    assert float(rows[0]["final_mean"]) == pytest.approx(1.5)
    assert float(rows[0]["best_mean"]) == pytest.approx(1.0)
    assert float(rows[1]["final_std"]) == pytest.approx(statistics.stdev([10, 11]))
    assert (rows[1]["best_step_min"], rows[1]["seconds_mean"]) == ("20", "12.0")
    assert "10.5 ± 0.71" in (tmp_path / "x" / "table.md").read_text()
    assert "10.5 ± 0.71" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "x" / "plots").iterdir()} == {
        *("averaged_fd_efficientnet_lite0.png", "generator_loss.png", "generator_grad_norm.png")
    }


def test_a_sweep_grows_but_never_changes(tmp_path, subprocesses):
    assert sweep(tmp_path, "--grid", "game.r1_gamma=0.1") == 0
    assert sweep(tmp_path, *GRID, "--config.log_every=3") == 0
    assert subprocesses.names()[1:] == ["r1_gamma=1,seed=0", "r1_gamma=0.1,seed=1", "r1_gamma=1,seed=1"]
    assert sweep(tmp_path, "--grid", "game.adversarial=minimax", "--grid", "game.r1_gamma=1") == 0
    assert subprocesses.names()[4:] == ["game.adversarial=minimax,r1_gamma=1,seed=0"]
    record = json.loads((tmp_path / "x" / "sweep.json").read_text())
    assert [run["name"] for run in record["runs"]] == subprocesses.names()
    assert record["grid"] == ["game.adversarial=minimax", "game.r1_gamma=1"]
    with pytest.raises(UserError, match=r"holds a sweep of another config \(game.latent_dim: was 4, now 5\)"):
        sweep(tmp_path, *GRID, "--config.game.latent_dim=5")
    with pytest.raises(UserError, match=r"holds a sweep of another config \(stages\[0\].steps: was 40, now 30\)"):
        sweep(tmp_path, *GRID, "--config.stages[0].steps=30")
    subprocesses.commands = []
    assert sweep(tmp_path, *GRID, "--config.stages[0].steps=50") == 0
    assert len(subprocesses.commands) == 4
    with pytest.raises(UserError, match="holds a run; a sweep takes a directory of its own"):
        main(["--config", str(tmp_path / "tiny.py"), "--workdir", str(tmp_path / "x" / "r1_gamma=1,seed=0")])


def test_all_runs_of_a_sweep_are_measured_alike(tmp_path, subprocesses):
    assert sweep(tmp_path, *GRID) == 0
    for flag, change in (
        ("evaluation.num_samples=512", r"evaluation.num_samples: was 5000, now 512"),
        ("evaluate_every=10", r"evaluate_every: was 0, now 10"),
    ):
        with pytest.raises(UserError, match=rf"holds a sweep of another config \({change}\)"):
            sweep(tmp_path, *GRID, f"--config.{flag}")
    assert sweep(tmp_path, "--grid", "evaluation.num_samples=512,1024") == 0
    assert subprocesses.names()[4:] == ["num_samples=512,seed=0", "num_samples=1024,seed=0"]


def test_finished_runs_are_measured(tmp_path, subprocesses, capsys):
    subprocesses.measures = False
    assert sweep(tmp_path, *GRID) == 0
    assert FD not in capsys.readouterr().out
    trained, subprocesses.commands = subprocesses.commands, []
    measured = (*GRID, "--metrics", "fd,kd", "--config.evaluation.num_samples=512")
    assert sweep(tmp_path, *measured) == 0
    assert [command[4] for command in subprocesses.commands] == [command[6] for command in trained]
    flags = ["--config.evaluate_every=40", '--config.evaluation.metrics=("fd","kd",)']
    assert all(command[5:] == [*flags, "--config.evaluation.num_samples=512"] for command in subprocesses.commands)
    assert "fd_efficientnet_lite0" in capsys.readouterr().out
    assert sweep(tmp_path, *measured) == 0
    assert len(subprocesses.commands) == 4
    with pytest.raises(UserError, match=r"holds a sweep of another config \(evaluation.num_samples: was 512, now 64\)"):
        sweep(tmp_path, *GRID, "--metrics", "fd,kd", "--config.evaluation.num_samples=64")
    assert sweep(tmp_path, *GRID[:2], "--seeds", "3", *measured[4:]) == 0
    assert [command[3] for command in subprocesses.commands[4:]] == ["--config", "--workdir"] * 2
    with pytest.raises(UserError, match=r"--metrics=fdd: no metric 'fdd'; did you mean fd"):
        sweep(tmp_path, *GRID, "--metrics", "fdd")
    with pytest.raises(
        UserError, match=r"--metrics=fd: these runs are measured while they train \(evaluate_every=10\)"
    ):
        main(
            [
                "--config",
                str(tmp_path / "tiny.py"),
                "--workdir",
                str(tmp_path / "y"),
                "--metrics",
                "fd",
                "--config.evaluate_every=10",
            ]
        )


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--metrics", "psnr"], r"^metric 'psnr': compares each image with its target, and these have none"),
        (["--metrics", "fd,accuracy"], r"^metric 'accuracy': compares class by class, .* have no labels; leave it out"),
        (["--metrics", "swd"], r"^metric 'swd': images of 8 pixels; expected sides of at least 16"),
        (["--metrics", "is", "--config.evaluation.num_samples=8"], r"^metric 'is': 8 generated images; expected at le"),
        (["--metrics", "fd", "--config.evaluation.held_out=folder:x"], r"^evaluation\.held_out='folder:x': this game"),
        (["--metrics", "fd", "--config.evaluation.weights=none.npz"], r"^none\.npz: cannot read it"),
        (["--metrics", "fd", "--config.evaluation.metrics=('kd',)"], r"^--metrics=fd: --config\.evaluation\.metrics n"),
        (["--metrics", "fd", "--grid", "evaluation.metrics=('kd',)"], r"^--metrics=fd: --grid evaluation\.metrics n"),
        (["--config.evaluate_every=20", "--config.evaluation.metrics=('ssim',)"], r"^metric 'ssim': compares each"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_what_could_not_be_measured_is_refused_before_anything_is_trained(flags, message, tmp_path, subprocesses):
    with pytest.raises(UserError, match=message):
        sweep(tmp_path, *GRID, *flags)
    assert not subprocesses.commands
    assert not (tmp_path / "x").exists()


def test_an_interruption_stops_the_sweep_and_the_same_command_goes_on(tmp_path, subprocesses, capsys):
    subprocesses.stop_at = 2
    assert sweep(tmp_path, *GRID) == 128 + signal.SIGTERM
    assert len(subprocesses.commands) == 2
    assert "Stopped on request" in capsys.readouterr().err
    assert not json.loads((tmp_path / "x" / "failures.json").read_text())
    subprocesses.stop_at = subprocesses.signal = None
    assert sweep(tmp_path, *GRID) == 0
    assert subprocesses.names()[2:] == ["r1_gamma=1,seed=0", "r1_gamma=0.1,seed=1", "r1_gamma=1,seed=1"]


def test_jobs_are_the_commands_that_are_left(tmp_path, subprocesses, capsys, monkeypatch):
    directory = tmp_path / "it's here"
    directory.mkdir()
    assert sweep(directory, "--grid", "game.r1_gamma=0.1") == 0
    capsys.readouterr()
    subprocesses.commands = []
    grid = ("--grid", "game.r1_gamma=0.1,1", "--grid", "game.generator.widths=(16,)")
    echo = tmp_path / "echo.sh"
    echo.write_text('#!/bin/bash\nprintf "%s\\n" "$@"\n')
    echo.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(echo))
    assert sweep(directory, *grid, "--jobs", "list") == 0
    commands = [shlex.split(line) for line in capsys.readouterr().out.splitlines()]
    assert [command[6] for command in commands] == [
        f"{directory}/x/r1_gamma={g},generator.widths=16,seed=0" for g in ("0.1", "1")
    ]
    assert sweep(directory, *grid, "--jobs", "slurm") == 0
    script = capsys.readouterr().out
    assert "#SBATCH --array=0-1\n" in script
    environment = os.environ | {"SLURM_ARRAY_TASK_ID": "1"}
    done = subprocess.run(["bash"], input=script, capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.splitlines() == commands[1][1:]
    assert not subprocesses.commands
    assert sweep(directory, *grid) == 0
    with pytest.raises(UserError, match=r"every run of .* is finished"):
        sweep(directory, *grid, "--jobs", "slurm")


@pytest.fixture
def heard():
    """SIGINT is not ignored, as it is where a script runs the tests in its background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_what_is_ignored_stays_ignored(heard):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Subprocesses() as subprocesses:
        os.kill(os.getpid(), signal.SIGINT)
        code = "import signal, sys; sys.exit(signal.getsignal(signal.SIGINT) != signal.SIG_IGN)"
        assert (subprocesses.run([sys.executable, "-c", code]).code, subprocesses.signal) == (0, None)
    with Interruption() as interruption:
        os.kill(os.getpid(), signal.SIGINT)
        assert not interruption.agreed()
        os.kill(os.getpid(), signal.SIGTERM)
        assert interruption.agreed()


def test_children_pass_signals_on_and_keep_the_last_line(capfd, heard):
    def run(code):
        with Subprocesses() as subprocesses:
            return subprocesses.run([sys.executable, "-c", code]), subprocesses.signal

    ending, stopped = run("import sys; print('bar 1%\\rbar 2%', file=sys.stderr); sys.exit('error: no such thing\\n')")
    assert (ending.code, str(ending), stopped) == (1, "no such thing", None)
    assert "bar 2%\nerror: no such thing" in capfd.readouterr().err
    # The process answers the signal by itself, as training does.
    answer = "import os, signal, sys, time; signal.signal(signal.{0}, lambda *_: sys.exit(128 + signal.{0})); "
    for name in ("SIGINT", "SIGTERM"):
        number = signal.Signals[name]
        ending, stopped = run(f"{answer.format(name)} os.kill(os.getppid(), signal.{name}); time.sleep(60)")
        assert (ending.code, stopped) == (128 + number, number)
        assert str(ending) == f"was stopped by {name}"
    ending, _ = run("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert str(ending) == "was stopped by SIGKILL"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.slow
def test_real_runs(tmp_path, capfd):
    """Two processes: one trains, one meets a loss that is not finite."""
    steps = ("--config.stages[0].steps=3", "--config.log_every=1")
    assert sweep(tmp_path, "--grid", "generator_optimizer.learning_rate=1e-4,1e39", *steps) == 1
    out, err = capfd.readouterr()
    assert "step 3/3" in err
    assert "not finite" in err.splitlines()[-1] or "is nan" in err.splitlines()[-1], err
    assert (tmp_path / "x" / "generator_optimizer.learning_rate=1e-4,seed=0" / "checkpoints" / "3").is_dir()
    page = (tmp_path / "x" / "report.html").read_text()
    assert "2 runs: 1 finished, 1 failed" in page
    assert page.count("data:image/jpeg") == 2
    assert "learning_rate=0.0001" in out
