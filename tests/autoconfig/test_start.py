"""`jgan train SOURCE`: the directory, the file, the same command again, and what is left after an error."""

from pathlib import Path

import pytest
from PIL import Image

from jgan import config as configs
from jgan import main as command
from jgan.training import loop
from jgan.types import UserError


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working directory with eight photos in "my photos"; training does nothing but take notes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my photos").mkdir()
    for index in range(8):
        Image.new("RGB", (16, 16), (index, 0, 0)).save(tmp_path / "my photos" / f"{index}.png")
    trained = []

    def train(config, workdir, start_from):
        assert start_from is None
        trained.append((config, workdir))
        workdir.mkdir(exist_ok=True)
        configs.save(config, workdir / "config.json")
        return loop.Outcome(None, 0, 15)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(loop, "train", train)
    return trained


def test_a_directory_of_its_own_each_time(here, capsys):
    assert command.main(["my photos/", "--config.seed=3"]) == 128 + 15
    assert "An earlier run" not in capsys.readouterr().out
    command.main(["my photos/"])
    (first, workdir), (_, second) = here
    assert (str(workdir), str(second)) == ("runs/my-photos-dcgan-1", "runs/my-photos-dcgan-2")
    assert "An earlier run is in runs/my-photos-dcgan-1; to go on with it:" in capsys.readouterr().out
    written = configs.read_config(str(workdir / "config.py"), [])
    assert written.data.source == f"folder:{Path.cwd()}/my photos"  # it may be copied anywhere
    assert configs.to_saved(written) == configs.to_saved(first)
    assert first.seed == 3


def test_a_directory_with_a_run_is_not_taken(here):
    command.main(["my photos", "--workdir", "x"])
    with pytest.raises(UserError, match=r"holds a run; go on with it by `.* --workdir x`"):
        command.main(["my photos", "--workdir", "x"])
    command.main(["--workdir", "x"])
    (first, _), (again, _) = here
    assert configs.to_saved(again) == configs.to_saved(first)


def test_files_that_cannot_be_used_are_told_before_the_choice(here, tmp_path, capsys):
    (tmp_path / "my photos" / "8.png").write_bytes(b"no image")
    with pytest.raises(UserError, match=r"1 of 9 files are broken: 8.png.*--config.data.on_error=skip"):
        command.main(["my photos/", "--dry_run"])
    assert not capsys.readouterr().out
    command.main(["my photos/", "--config.data.on_error=skip"])
    assert "8 images of 16 x 16 pixels" in capsys.readouterr().out
    for side, names in {"A": "abcd", "B": "abc"}.items():
        (tmp_path / "pairs" / side).mkdir(parents=True)
        for name in names:
            Image.new("RGB", (16, 16)).save(tmp_path / "pairs" / side / f"{name}.png")
    with pytest.raises(UserError, match=r"1 file has no partner: A/d.png.*--config.data.on_error=skip"):
        command.main(["pairs", "--dry_run"])


def test_nothing_is_left_where_training_cannot_start(here, tmp_path, monkeypatch):
    def refuse(config, workdir, start_from):
        raise UserError("broken files")

    monkeypatch.setattr(loop, "train", refuse)
    with pytest.raises(UserError, match="broken files"):
        command.main(["my photos"])
    assert not (tmp_path / "runs").exists()


def test_a_config_with_a_source(here):
    config = "dcgan_digits"
    command.main(["my photos", "--config", config, "--config.stages[0].batch_size", "8", "--workdir", "y"])
    assert here[0][0].data.source == "folder:my photos"
    assert here[0][0].stages[0].batch_size == 8
    with pytest.raises(UserError, match="--task: part of the choice"):
        command.main(["my photos", "--config", config, "--task", "edges"])


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--config.stages[0].resolution=64", "give --resolution=64"),
        ("--config.data.source=mnist5k", "says so already"),
        ("--config.data.flop=true", "no such field"),
        ("--task=", "--task='': expected a value, and it is empty"),
        ("--steps=-1", "expected no negative number"),
    ],
)
def test_flags_that_do_not_fit(flag, message, here):
    with pytest.raises(UserError, match=message):
        command.main(["my photos", flag])
    assert not here


def test_nothing_to_train_on():
    with pytest.raises(UserError, match="or your images, as in photos"):
        command.main([])
