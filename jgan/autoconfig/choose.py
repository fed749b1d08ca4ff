"""The choice: a pure function of facts about the data, facts about the machine and the user's wishes."""

from __future__ import annotations

from jgan.autoconfig.facts import DataFacts
from jgan.autoconfig.latents import captions_to_images, latents_to_images
from jgan.autoconfig.machine import MachineFacts
from jgan.autoconfig.parts import Context
from jgan.autoconfig.plan import Choice, Plan
from jgan.autoconfig.sizes import sizes_for
from jgan.autoconfig.translation import domain_to_domain, pairs_to_images, small_to_large
from jgan.autoconfig.wishes import LATENT_FAMILIES, Wishes, choose_family
from jgan.errors import counted

FAMILY_PARTS = {
    **dict.fromkeys(LATENT_FAMILIES, latents_to_images),
    "text": captions_to_images,
    "pix2pix": pairs_to_images,
    "cyclegan": domain_to_domain,
    "srgan": small_to_large,
}


def choose(data: DataFacts, machine: MachineFacts, wishes: Wishes) -> Plan:
    """The config of a run on these data that this machine can do, and why it is so.

    Raises:
      UserError: the wishes do not fit the data, or there are too few of them.
    """
    wishes.check()
    family, reason = choose_family(data, wishes)
    context = Context(family, data, machine, wishes, sizes_for(machine, wishes.width))
    config, choices, notes = FAMILY_PARTS[family](context)
    first = (
        Choice("data", data.source, f"{_what(data)}; {data.reason}", "SOURCE"),
        Choice("family", family, reason, "--family"),
    )
    return Plan(family, config, (*first, *choices), notes)


def _what(data: DataFacts) -> str:
    sizes = f"{data.width} x {data.height} pixels (the median)"
    if data.kind == "unpaired":
        return f"{data.count:,} or more images of each domain, {sizes}"
    return f"{counted(data.count, {'pairs': 'pair', 'captions': 'captioned image'}.get(data.kind, 'image'))} of {sizes}"
