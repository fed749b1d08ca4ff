"""Shared set-up: several simulated devices, strict JAX, one compilation cache, tiny runs."""

import os

from runs import QUICK_COMPILATION

# Before JAX is imported: eight simulated devices.
os.environ["XLA_FLAGS"] = (
    f"--xla_force_host_platform_device_count=8 {QUICK_COMPILATION} {os.environ.get('XLA_FLAGS', '')}"
)
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import functools
import gc
import itertools
import re
import signal
from pathlib import Path

import jax
import numpy as np
import pytest
import runs
from shared_programs import forget_programs

from jgan.command import enable_compilation_cache
from jgan.reports import page
from jgan.rundir.pictures import Curve, draw_curves

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # in the background of a script; what is started here inherits it
    signal.signal(signal.SIGINT, signal.default_int_handler)

jax.config.update("jax_numpy_rank_promotion", "raise")
enable_compilation_cache()

ALL_DEVICES = jax.devices()
MAPPINGS = Path("/proc/self/maps")  # where there is one (Linux), a line each
MOST_MAPPINGS = 20_000
tests_done = itertools.count(1)


@pytest.fixture(autouse=True)
def release_programs():
    """Lets go of compiled programs before they take all memory mappings: a process may have 65,530, each takes many."""
    yield
    if next(tests_done) % 20:  # the system takes a tenth of a second to list them
        return
    if MAPPINGS.is_file() and MAPPINGS.read_text().count("\n") > MOST_MAPPINGS:
        forget_programs()
        jax.clear_caches()
        gc.collect()


def use_devices(monkeypatch, count):
    """Meshes are made of the first `count` simulated devices."""
    devices = ALL_DEVICES[:count]
    monkeypatch.setattr(jax, "devices", lambda *_: devices)


@pytest.fixture
def few_plots(monkeypatch):
    """A page's plots of equally many curves are one picture: each takes a fifth of a second to draw."""
    monkeypatch.setattr(page, "draw_curves", lambda curves, title, *, dark: _plot_of(len(curves), dark))


@functools.cache
def _plot_of(count, dark):
    ramp = np.arange(3.0)
    return draw_curves([Curve(number + 1, "run", ramp, ramp, ramp) for number in range(count)], "loss", dark=dark)


@pytest.fixture(scope="session")
def workdir(tmp_path_factory):
    """A finished run of a tiny conditional GAN, which no test changes."""
    directory = tmp_path_factory.mktemp("commands")
    (directory / "conditional.py").write_text(runs.CONDITIONAL)
    code, out, err = runs.run("jgan.main", "--config", directory / "conditional.py", "--workdir", directory / "run")
    assert code == 0, err
    assert "step 12/12" in err
    assert "images/s" in err
    assert len(re.findall("jgan (?:sample|train) ", out)) == 3
    return directory / "run"
