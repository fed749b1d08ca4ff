"""Shared set-up: several simulated devices, strict JAX, one compilation cache, tiny runs."""

import os

os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=8".strip()
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax

from jgan.command import enable_compilation_cache

jax.config.update("jax_numpy_rank_promotion", "raise")
enable_compilation_cache()

ALL_DEVICES = jax.devices()


def use_devices(monkeypatch, count):
    """Meshes are made of the first `count` simulated devices."""
    devices = ALL_DEVICES[:count]
    monkeypatch.setattr(jax, "devices", lambda *_: devices)
