"""Machines that lack something: a home, locks, a cache, a terminal that listens; and the first seconds of a command."""

import errno
import fcntl
import logging
import os
import pwd
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import pytest
import runs

from jgan import command
from jgan.rundir import lock
from jgan.rundir.atomic_files import cache_directory
from jgan.rundir.events import Events
from jgan.terminal.closed_pipes import surviving_closed_pipes
from jgan.terminal.early_interrupts import is_command
from jgan.types import UserError


@pytest.fixture
def own_cache():
    before = jax.config.values["jax_compilation_cache_dir"]
    yield
    jax.config.update("jax_compilation_cache_dir", before)


def nobody(*_):
    raise KeyError("uid not found")


def test_without_a_home_and_a_name_there_is_a_warning(monkeypatch, caplog, own_cache):
    for name in ("HOME", "XDG_CACHE_HOME", "JAX_COMPILATION_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    command.enable_compilation_cache()
    assert jax.config.values["jax_compilation_cache_dir"] is None
    assert caplog.messages == [
        "compiled programs are not kept between runs: the cache: no home directory is known; "
        "set HOME, or XDG_CACHE_HOME to a directory"
    ]
    with pytest.raises(UserError, match="no home directory is known"):
        cache_directory("references")


def test_a_cache_that_cannot_be_written_is_a_warning(monkeypatch, caplog, tmp_path, own_cache):
    (tmp_path / "file").touch()
    for place in (tmp_path / "file" / "cache", tmp_path / "read-only"):
        monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(place))
        monkeypatch.setattr(os, "access", lambda *_: False)
        command.enable_compilation_cache()
        assert jax.config.values["jax_compilation_cache_dir"] is None
    assert len(caplog.messages) == 2
    assert all(message.startswith("compiled programs are not kept between runs: ") for message in caplog.messages)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_locks_is_a_warning(number, monkeypatch, caplog, tmp_path):
    def flock(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    with lock.locked(tmp_path / "run"):
        pass
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "its file system has no locks" in caplog.text


def test_event_files_of_one_second_are_two(monkeypatch, tmp_path):
    monkeypatch.setattr(time, "time", lambda: 1.7e9)
    for step in range(3):
        events = Events(tmp_path / "tensorboard", step)
        events.write_scalars(step, {"loss": 1.0})
        events.close()
    assert len([path for path in (tmp_path / "tensorboard").iterdir() if path.stat().st_size]) == 3


def test_work_goes_on_where_nobody_reads_its_output(monkeypatch):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", buffering=1) as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        with surviving_closed_pipes():
            for _ in range(3):
                print("a line that nobody reads", flush=True)
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # or closing it would complain


def test_an_interrupt_while_libraries_are_imported_is_one_line():
    code = "import runpy, signal, sys; sys.argv = ['jgan', 'train']; from jgan import cli; "
    code += "cli.runpy.run_module = lambda *_, **__: signal.raise_signal(signal.SIGINT); cli.main()"
    words = [sys.executable, "-c", f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler); {code}"]
    done = subprocess.run(words, cwd=runs.ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted; nothing has begun\n")


@pytest.mark.parametrize("words", [["-m", "jgan.main"], ["-m", "jgan", "train"], ["SCRIPT", "train"]])
def test_an_interrupt_within_an_import_is_one_line_however_a_command_is_started(words, tmp_path):
    script = tmp_path / "jgan"  # as pip writes it
    script.write_text("import sys\nfrom jgan.cli import main\nsys.exit(main())\n")
    words = [sys.executable, *(str(script) if word == "SCRIPT" else word for word in words), "--help"]
    start = "import os, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); os.execv(sys.argv[1], "
    command = [sys.executable, "-c", f"{start}sys.argv[1:])", *words]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=runs.ROOT, env=runs.environment(PYTHONPATH=str(runs.ROOT)), stdout=pipe, stderr=pipe, text=True
    ) as process:
        maps = Path(f"/proc/{process.pid}/maps")
        while "jaxlib" not in maps.read_text():  # in the midst of its libraries
            assert process.poll() is None
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "interrupted; nothing has begun\n")


def test_what_is_no_command_keeps_its_own_interrupts():
    commands = (["python", "-m", "jgan"], ["python", "-u", "-mjgan.main", "x"], ["python", "/usr/bin/jgan", "train"])
    assert all(map(is_command, commands))
    others = (["python"], ["python", "-c", "import jgan"], ["python", "-m", "pytest", "jgan"], ["python", "mine.py"])
    assert not any(map(is_command, (*others, ["python", "-c", "from multiprocessing.spawn import x", "jgan"])))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("jgan.data.__main__", "prepare", "--workers", "-4"), "--workers=-4: expected no negative number"),
        (("jgan.data.__main__", "prepare", "--workers", "0"), "--workers=0: expected 1 to 1024 processes"),
        (("jgan.data.__main__", "prepare", "--workers", "5000"), "--workers=5000: expected 1 to 1024 processes"),
        (("jgan.evaluate", "--num_samples=-3"), "--num_samples=-3: expected no negative number"),
        (("jgan.sample", "--step", "-1"), "--step=-1: expected no negative number"),
        (("jgan.sample", "--num", "1" + "0" * 30), "expected less than 2**63"),
        (("jgan.sweep", "--seeds", "-2"), "--seeds=-2: expected no negative number"),
    ],
)
def test_counts_that_are_none_are_refused(arguments, message, tmp_path):
    rest = ("--source", "mnist5k", "--out", tmp_path / "x", "--resolution", "8") if "prepare" in arguments else ()
    code, _, err = runs.call(*arguments, *rest)
    assert (code, len(err.splitlines())) == (2, 1)
    assert message in err
