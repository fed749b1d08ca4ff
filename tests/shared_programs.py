"""Train steps that tests share: one that the same game, stage, data and devices had before is not compiled again.

A step is a pure function of these. What is about compiling, or about a step that goes on bit for bit, does not use it.
"""

import dataclasses

from jgan.training.programs import Programs

_steps = {}
_pictures = {}


def share_programs(monkeypatch):
    """From now on, every run of this process."""
    create, picture = Programs.__init__, Programs.picture

    def create_or_find(self, setup, stage, *rest):
        create(self, setup, stage, *rest)
        self._key_of_test = _key(setup, stage)
        self._steps = _steps.setdefault(self._key_of_test, {})
        self._compiled_picture = _pictures.get(self._key_of_test)

    def make_or_find(self, state):
        images = picture(self, state)
        _pictures[self._key_of_test] = self._compiled_picture
        return images

    monkeypatch.setattr(Programs, "__init__", create_or_find)
    monkeypatch.setattr(Programs, "picture", make_or_find)


def forget_programs():
    """Lets go of all of them."""
    _steps.clear()
    _pictures.clear()


def _key(setup, stage):
    config, data = setup.config, setup.dataset
    devices = tuple(device.id for device in setup.sharding.mesh.devices.flat)
    optimizers = config.generator_optimizer, config.discriminator_optimizer, config.ema
    of_data = config.data, data.fingerprint, data.num_classes, data.num_words
    stages = [dataclasses.replace(each, steps=0) for each in (stage, *config.stages)]  # no step knows how many follow
    return repr((config.game, stages, optimizers, of_data, config.fsdp, devices))
