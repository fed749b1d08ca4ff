"""The game of StyleGAN (Karras et al. 2019, https://arxiv.org/abs/1812.04948): styles, and images that grow.

Section 2 and appendix C. Styles are mixed among the layers that are there yet, as in the authors' code
(https://github.com/NVlabs/stylegan), and truncated in the first eight of them (appendix B).
"""

from __future__ import annotations

import dataclasses

from jgan.games.growing import GrowingGAN
from jgan.games.style import StyleGAN


@dataclasses.dataclass(frozen=True)
class GrowingStyleGAN(StyleGAN, GrowingGAN):
    """A generator with methods `styles` and `synthesize`, which takes, like the discriminator, what GrowingGAN says."""

    path_length_weight: float = 0.0  # of StyleGAN2
