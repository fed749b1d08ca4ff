"""The command `jgan`: what it tells at once, how it finds configs, what it refuses."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import runs

from jgan import cli, command
from jgan.configuration import catalog
from jgan.types import UserError

HEAVY = {"jax", "flax", "numpy", "absl", "grain", "matplotlib"}
# What the interpreter has imported when a command has ended goes to stderr, behind what the command wrote there.
PROBE = """
import sys, runpy
sys.argv[0] = "jgan"
try:
    runpy.run_module("jgan", run_name="__main__")
except SystemExit as end:
    print("MODULES", *sys.modules, file=sys.stderr)
    raise
"""


def jgan(*arguments, cwd=runs.ROOT, code=0):
    """(stdout, stderr) of a command without JAX."""
    environment = runs.environment(PYTHONPATH=str(runs.ROOT))
    words = [sys.executable, "-c", PROBE, *arguments]
    done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stderr
    err, _, modules = done.stderr.partition("MODULES ")
    assert not HEAVY & set(modules.split()), "a command that computes nothing waits for no library"
    return done.stdout, err


def test_help_names_every_command_in_a_line():
    out, _ = jgan("--help")
    for name, entry in cli.COMMANDS.items():
        assert len(re.findall(rf"^  {name} +{re.escape(entry.summary)}$", out, re.MULTILINE)) == 1
    assert jgan()[0] == out
    assert jgan("--version")[0].startswith("jgan ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tarin"], "tarin: no such command; did you mean train?"),
        (["import_weights"], "import_weights: no such command; did you mean import-weights or export-weights?"),
        (["--config", "dcgan"], "--config: expected a command first, such as jgan train --config; see jgan --help"),
        (["configs/"], "configs/: expected a command first, such as jgan train configs/; see jgan --help"),
        (["configs", "--help-me"], "--help-me: unknown option; did you mean --help?"),
        (["n" * 300], f"{'n' * 300}: File name too long"),
    ],
)
def test_what_is_no_command_is_one_line(arguments, message):
    assert jgan(*arguments, code=2) == ("", f"error: {message}\n")


@pytest.mark.parametrize("name", ["train", "data"])
def test_a_command_is_its_module(name):
    help_text = runs.run("jgan", name, "--help")
    assert help_text == runs.run(cli.COMMANDS[name].module, "--help")
    assert help_text[1].startswith(f"usage: jgan {name} ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--config", "dcgan", "--config", "vanilla"], "--config: given twice; give it once"),
        (["--confg", "dcgan"], "--confg: unknown option; did you mean --config?"),
        (["--config="], "--config='': expected a value, and it is empty"),
        (["--config=dcgan", "--config.seed"], "--config.seed: expected a value, as in --config.seed=0"),
        (["--config=dcgan", "--config.seed", "--config.data.flip"], "--config.seed: expected a value"),
        (["one/", "two/"], "'two/': expected one SOURCE, and flags such as --config.seed=1"),
        (["one/", "--resolution=0"], "--resolution=0: expected a power of two from 16 to 1024"),
        (["one/", "--steps", "0"], "--steps=0: expected 1 or more"),
        (["one/", "--family="], "--family='': expected a value, and it is empty"),
        (["--config"], "argument --config: expected one argument; see jgan train --help"),
        (["--config=dcagn"], "--config=dcagn: no such config; did you mean dcgan"),
        (["--config=DCGAN"], "--config=DCGAN: no such config; did you mean dcgan"),
        (["--config=configs/dcgan.py"], "no such config file; the config of the package is --config dcgan"),
        (["--config=mnie.py"], "--config=mnie.py: no such config file; did you mean mine.py?"),
        (["--config=mine"], "no config of the package has this name; for the file here give --config mine.py"),
        (["--config=folder"], "--config=folder: is a directory; expected a Python file"),
        (["--config=folder/"], "--config=folder: is a directory; expected a Python file"),
        (["--config=notes"], "--config=notes: expected a Python file, with a name that ends in .py"),
        (["--config=./notes"], "--config=notes: expected a Python file, with a name that ends in .py"),
        (["--config=vanilla"], "--config=vanilla: means the config of the package, and another vanilla.py is in this"),
    ],
)
def test_a_config_that_is_not_found_is_one_line(arguments, message, tmp_path, monkeypatch):
    from jgan.main import main

    for name in ("mine.py", "vanilla.py", "notes"):
        (tmp_path / name).write_text("x = 1\n")
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as error:
        main([*arguments, "--workdir", "x"])
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_config_is_found_by_name_and_by_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dcgan").mkdir()  # such as the directory of a run
    ours = runs.ROOT / "configs" / "dcgan.py"
    assert catalog.find("dcgan") == ours
    copy = tmp_path / "dcgan.py"
    copy.write_bytes(ours.read_bytes())
    assert catalog.find("dcgan") == ours  # the copy says the same
    assert catalog.find("dcgan.py") == Path("dcgan.py")
    copy.write_text("edited = True\n")
    with pytest.raises(UserError, match=re.escape("--config dcgan.py for this one")):
        catalog.find("dcgan")


def test_configs_are_listed_and_printed(tmp_path):
    listed, _ = jgan("configs", cwd=tmp_path)
    for name in catalog.names():
        assert len(re.findall(rf"^  {name} ", listed, re.MULTILINE)) == 1
    assert re.search(
        r"^  biggan +biggan +128 x 128 +tfds:\w+ +70\.4 M \+ 88\.0 M +120 EFLOP +- +Brock et al\. 2019$", listed, re.M
    )
    printed, hint = jgan("configs", "dcgan", cwd=tmp_path)
    assert printed == (runs.ROOT / "configs" / "dcgan.py").read_text()  # alone, so that > mine.py makes a config
    assert "train --config mine.py" in hint
    assert jgan("configs", "--help")[0].startswith("usage: jgan configs")
    for wrong in ("dcagn", "configs/dcgan.py"):
        assert jgan("configs", wrong, code=2)[1].startswith(f"error: {wrong}: no such config; did you mean dcgan")


def test_messages_name_the_program_as_it_is_typed(tmp_path, monkeypatch):
    script = tmp_path / "venv" / "bin" / "jgan"
    script.parent.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "executable", str(script.with_name("python")))
    monkeypatch.setenv("PATH", "/usr/bin")
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    assert command.program() == "venv/bin/python -m jgan"  # a checkout that is not installed
    script.touch(mode=0o755)
    assert command.program() == "venv/bin/jgan"
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}/usr/bin")
    assert command.program() == "jgan"
    other = tmp_path / "other"
    other.mkdir()
    (other / "jgan").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(other))  # of another environment
    assert command.program() == "venv/bin/jgan"


def test_the_package_has_every_wing_and_the_configs():
    setup = tomllib.loads((runs.ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = {path.parent.relative_to(runs.ROOT) for path in (runs.ROOT / "jgan").rglob("*.py")}
    expected = {".".join(folder.parts) for folder in folders} | {"jgan.configs"}
    assert set(setup["packages"]) == expected, "packages of pyproject.toml"
    assert setup["package-dir"] == {"jgan.configs": "configs"}


def test_a_reader_that_has_ended_is_no_error():
    reading, writing = os.pipe()
    os.close(reading)
    words = [sys.executable, "-m", "jgan", "--help"]
    done = subprocess.run(words, cwd=runs.ROOT, stdout=writing, stderr=subprocess.PIPE, timeout=60, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")
