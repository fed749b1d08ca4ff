"""Paths as users give them: never empty, with the home that `~` means, and the same from any working directory."""

import ast
import dataclasses
import re
from pathlib import Path

import pytest
import runs
from run_directories import make_config

from jgan import config as configs
from jgan.autoconfig.facts import look_at
from jgan.command import Parser
from jgan.config import Config, load
from jgan.data.registry import absolute, open_source
from jgan.evaluation.translated import like_source
from jgan.rundir.paths import given_path, nearest_path, with_home
from jgan.types import UserError

PLACES = {"DIR", "FILE", "PATH", "RUN"}  # what the help calls the value of an option that is a path


def test_every_option_that_is_a_path_is_taken_by_one_function(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    parser = Parser("x", "")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--images", type=Path, nargs="+")
    for words in (["--out=~/a", "--images", "~/b", "c"], ["--out", "~/a", "--images", "~/b", "c"]):
        options = parser.parse_args(words)
        parser.given.clear()
        assert (options.out, options.images) == (tmp_path / "a", [tmp_path / "b", Path("c")])
    for words, message in (
        (["--out", ""], "argument --out: '': expected the name of a file or folder, and it is empty"),
        (["--out=~nobody-at-all/x"], "argument --out: ~nobody-at-all/x: nobody's home directory is known"),
    ):
        with pytest.raises(UserError) as error:
            parser.parse_args(words)
        assert message in str(error.value)
    for file in (runs.ROOT / "jgan").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Call) or getattr(node.func, "attr", "") != "add_argument":
                continue
            given = {word.arg: word.value for word in node.keywords}
            metavar = getattr(given.get("metavar"), "value", "")
            named = [part.value for part in node.args if isinstance(part, ast.Constant)]
            if metavar in PLACES or set(named) & {"--out", "--workdir"}:
                assert getattr(given.get("type"), "id", None) in ("Path", "run_directory"), f"{file}:{node.lineno}"


def test_sources_and_configs_mean_the_same_from_anywhere(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain").mkdir()
    for source, meant in {
        "mnist5k": "mnist5k",
        "tfds:cifar10:train": "tfds:cifar10:train",
        "folder:photos": f"folder:{tmp_path}/photos",
        "folder:~/photos": f"folder:{tmp_path}/home/photos",
        "folder:/photos": "folder:/photos",
        "unpaired:flowers:test": f"unpaired:{tmp_path}/flowers:test",
        "idx:MNIST:t10k": f"idx:{tmp_path}/MNIST:t10k",
        "captions:birds:vectors.npz": f"captions:{tmp_path}/birds:vectors.npz",
        "plain": f"{tmp_path}/plain",
        "": "",
    }.items():
        assert absolute(source) == meant
        assert absolute(meant) == meant
    assert with_home("~/x") == f"{tmp_path}/home/x"
    assert like_source("~/x", "mnist5k") == f"{tmp_path}/home/x"
    with pytest.raises(UserError, match="nobody's home directory"):
        given_path("~nobody-at-all")
    config = make_config()
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, source="folder:photos"))
    configs.save(config, tmp_path / "config.json")
    assert configs.differences(configs.read_saved(tmp_path / "config.json"), config, 0, free=()) == []
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    loaded = configs.load(tmp_path)
    assert isinstance(loaded, Config)
    assert loaded.data.source == f"folder:{tmp_path}/photos"


CONFIG = """
import dataclasses
from run_directories import make_config
def get_config():
    config = make_config()
    data = dataclasses.replace(config.data, source={source!r})
    evaluation = dataclasses.replace(config.evaluation, weights="weights/a.npz", held_out="held")
    return dataclasses.replace(config, data=data, evaluation=evaluation)
"""


def test_a_path_in_a_config_file_is_meant_from_that_file_on(monkeypatch, tmp_path):
    """One in a flag, or in a config of the package, from the working directory; the run keeps whole ones."""
    (tmp_path / "mine" / "held").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    for start, named in (("elsewhere", "../mine/c.py"), ("mine", "c.py"), ("", "mine/c.py")):
        for source, meant in (
            ("folder:photos", "folder:{}/mine/photos"),
            ("folder:../photos", "folder:{}/mine/../photos"),
            ("captions:birds:vectors.npz", "captions:{}/mine/birds:vectors.npz"),
            ("folder:/photos", "folder:/photos"),
            ("mnist5k", "mnist5k"),
        ):
            (tmp_path / "mine" / "c.py").write_text(CONFIG.format(source=source))
            monkeypatch.chdir(tmp_path / start)
            config = configs.read_config(named, [])
            assert configs.to_saved(config)["data"]["source"] == meant.format(tmp_path)
            saved = configs.to_saved(config)["evaluation"]
            assert Path(saved["weights"]).resolve() == tmp_path / "mine" / "weights" / "a.npz"
            assert Path(saved["held_out"]).resolve() == tmp_path / "mine" / "held"
            flags = ["--config.data.source=folder:photos", "--config.evaluation.weights=b.npz"]
            given = configs.to_saved(configs.read_config(named, flags))
            assert given["data"]["source"] == f"folder:{Path.cwd()}/photos"
            assert given["evaluation"]["weights"] == f"{Path.cwd()}/b.npz"
    assert configs.read_config("pix2pix", []).data.source == "pairs:data/maps/train"


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("runs/quikstart", "; did you mean {}/runs/quickstart?"),
        ("runs/quikstart/config.json", "; did you mean {}/runs/quickstart?"),
        ("run/quickstart", "; did you mean {}/runs?"),
        ("runs/quickstart", ""),  # it is there
        ("photos", ""),
        ("file/x", ""),
    ],
)
def test_a_mistyped_path_names_what_is_beside_it(path, hint, tmp_path):
    (tmp_path / "runs/quickstart").mkdir(parents=True)
    (tmp_path / "file").touch()
    assert nearest_path(tmp_path / path) == hint.format(tmp_path)


def test_commands_and_sources_name_the_nearest_path(tmp_path):
    (tmp_path / "photos").mkdir()
    near = re.escape(f"did you mean {tmp_path}/photos?")
    for take in (look_at, open_source, lambda given: open_source(f"pairs:{given}"), lambda given: load(Path(given))):
        with pytest.raises(UserError, match=near):
            take(f"{tmp_path}/photo")
