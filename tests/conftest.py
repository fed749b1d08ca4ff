"""Shared set-up: several simulated devices, strict JAX, tiny runs."""

import os

os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=8".strip()
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax

jax.config.update("jax_numpy_rank_promotion", "raise")
# No compilation cache in this process: late in the suite, jaxlib 0.10 has crashed while it read a program that the same
# process had written. The commands that tests start have theirs.

ALL_DEVICES = jax.devices()


def use_devices(monkeypatch, count):
    """Meshes are made of the first `count` simulated devices."""
    devices = ALL_DEVICES[:count]
    monkeypatch.setattr(jax, "devices", lambda *_: devices)
