"""Tiny runs of a real family, for tests of commands and of what survives a crash."""

import contextlib
import importlib
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# Programs that run a few times are not worth LLVM's time, nor that of the emitters of fusions: over half of all that
# tests took.
QUICK_COMPILATION = (
    "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true --xla_cpu_use_fusion_emitters=false"
)

CONFIG = '''
"""A tiny vanilla GAN on the embedded digits."""
from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.families.vanilla import Discriminator, Generator
from jgan.games.latent import LatentGAN
from jgan.types import Stage


def get_config():
    return Config(
        game=LatentGAN(Generator(8, 1, (16,)), Discriminator((16,)), latent_dim=4, r1_gamma=0.1, r1_every=3),
        data=DataConfig(channels=1),
        stages=(Stage(steps=40, batch_size=8, resolution=8),),
        log_every=7,
        sample_every=100,
        checkpoint_every=5,
    )
'''

CONDITIONAL = '''
"""A tiny conditional GAN on the embedded digits."""
from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.families.cgan import Discriminator, Generator
from jgan.games.latent import LatentGAN
from jgan.types import Stage


def get_config():
    return Config(
        game=LatentGAN(
            Generator(8, 1, label_units=8, joint_units=16), Discriminator(joint_units=8), latent_dim=4, num_classes=10
        ),
        data=DataConfig(channels=1),
        stages=(Stage(steps=12, batch_size=8, resolution=8),),
        log_every=5,
        sample_every=6,
    )
'''


def module_of(name):
    """What runs for a command's module: of a wing its `__main__`."""
    module = importlib.import_module(name)
    return importlib.import_module(f"{name}.__main__") if hasattr(module, "__path__") else module


def write_config(directory):
    """The config above as a file."""
    path = directory / "tiny.py"
    path.write_text(CONFIG)
    return path


def environment(**changes):
    """What a command of a user would see: one CPU device. Programs are compiled as in conftest.py."""
    own = {"JAX_PLATFORMS": "cpu", "PYTHONWARNINGS": "error", "XLA_FLAGS": QUICK_COMPILATION}
    return dict(os.environ) | own | changes


def start(*arguments, **changes):
    """`python -m jgan....` in a process of its own."""
    command = [sys.executable, "-m", *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=ROOT, text=True, env=environment(**changes), **pipes)


def run(*arguments, **changes):
    """Runs a command to its end: (exit code, stdout, stderr)."""
    process = start(*arguments, **changes)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def call(module, *arguments):
    """The command in this process, on one of its devices, which saves the seconds of a start: the same three."""
    import jax
    from shared_programs import share_programs

    from jgan.types import UserError

    command, devices = importlib.import_module(module), jax.devices()[:1]
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.setattr(jax, "devices", lambda *_: devices)
        share_programs(patch)
        try:
            code = command.main([*map(str, arguments)])
        except UserError as error:  # as jgan.command ends a command
            code = 2
            print(f"error: {error}", file=err)
    return code, out.getvalue(), err.getvalue()
