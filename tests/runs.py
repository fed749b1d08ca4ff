"""Tiny runs of a real family, for tests of commands and of what survives a crash."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent

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


def write_config(directory):
    """The config above as a file."""
    path = directory / "tiny.py"
    path.write_text(CONFIG)
    return path


def environment(**changes):
    """What a command of a user would see: one CPU device. Programs are compiled as in conftest.py."""
    own = {"JAX_PLATFORMS": "cpu", "PYTHONWARNINGS": "error", "XLA_FLAGS": "--xla_backend_optimization_level=0"}
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
