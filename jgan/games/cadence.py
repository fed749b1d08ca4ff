"""When the generator moves, where "every so many steps" is not enough."""

from __future__ import annotations

import dataclasses

from jgan.types import Phase

LONG_STEPS = 100  # of the critic for one move of the generator
FIRST_LONG = 25  # of the generator's moves have so many
LONG_EVERY = 500  # and so does every 500th


@dataclasses.dataclass(frozen=True)
class CriticFirst(Phase):
    """The generator's phase under WGAN's warm-up: 100 critic steps before each of its first 25 moves and before every
    500th, `every` before the others (https://github.com/martinarjovsky/WassersteinGAN, main.py).
    """

    def is_active(self, step: int) -> bool:
        """Whether the critic has had its steps, the one of this step included."""
        first = FIRST_LONG * LONG_STEPS
        if step < first:
            return step % LONG_STEPS == LONG_STEPS - 1
        # Up to move 500 there are only short rounds; from then on a long one begins every 500.
        before_first_long = (LONG_EVERY - FIRST_LONG) * self.every
        step -= first
        if step < before_first_long:
            return step % self.every == self.every - 1
        step = (step - before_first_long) % (LONG_STEPS + (LONG_EVERY - 1) * self.every)
        if step < LONG_STEPS:
            return step == LONG_STEPS - 1
        return (step - LONG_STEPS) % self.every == self.every - 1
