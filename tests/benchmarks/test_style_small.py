"""benchmarks/demonstrations/style_small.py: its runs can be trained."""

from pathlib import Path

import pytest
import style_small

from jgan import config as configs


@pytest.mark.parametrize("way", style_small.WAYS)
def test_every_way_of_augmentation_is_a_run(way):
    run = style_small.Run("emoji", way, "folder:emoji", Path("runs/emoji"), steps=7)
    _, _, _, config, _, _, *flags = run.train_command[1:]
    found = configs.read_config(config, flags)
    configs.check(found)
    assert found.stages[0].steps == 7
    assert (found.game.augment == ()) == (way == "none")
    assert (found.game.ada_target > 0) == (way == "ada")
    assert not run.is_trained
