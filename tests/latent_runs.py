"""Runs of random weights of each kind of latent family, and their latent spaces."""

import jax
import pytest
from run_directories import make_config, save_run

import jgan
from jgan.families.cgan import conditional_dcgan
from jgan.families.stylegan2 import stylegan2
from jgan.families.text import text
from jgan.inference.weights import NEWEST
from jgan.types import Stage

STAGES = (Stage(steps=40, batch_size=8, resolution=16),)
CONFIGS = {
    "plain": make_config(),
    "conditional": make_config(game=conditional_dcgan(resolution=16, channels=4), stages=STAGES),
    "style": make_config(game=stylegan2(8, 16, 8, 1, num_classes=3, mapping_layers=2)),
    "vectors": make_config(game=text(16, 4, 4, 1, embedding_features=3, generator_text_features=4), stages=STAGES),
}


_opened = {}


def opened(kind, tmp_path_factory):
    """(a run, its latent space), on one device, the same for all tests."""
    if kind not in _opened:
        with pytest.MonkeyPatch.context() as patch:
            devices = jax.devices()[:1]
            patch.setattr(jax, "devices", lambda *_: devices)
            workdir = tmp_path_factory.mktemp("latents") / kind
            save_run(workdir, CONFIGS[kind], random=True)
            run = jgan.open(workdir)
            _opened[kind] = run, run._space(NEWEST)
    return _opened[kind]
