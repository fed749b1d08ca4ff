"""Networks follow the data: channels, classes and captions of a config whose data a flag has changed.

What a config file says counts as a default here: `--config dcgan_digits --config.data.source=folder:photos` trains on
photos in colour. What a flag says stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jgan.autoconfig.facts import DataFacts, Kind, facts_of, look_at
from jgan.config import Config, flatten, override
from jgan.tasks.config import COLOUR_TASKS
from jgan.types import UserError

SOURCE, CHANNELS, INPUT_CHANNELS = "data.source", "data.channels", "data.input_channels"
IMAGE_CHANNELS, VOCABULARY, EMBEDDINGS = "image_channels", "vocabulary", "game.embedding_features"
CLASSES = ("num_classes", "norm_classes")
CLASSIFIERS = ("classifier_weight", "generator_classifier_weight")  # without labels there is nothing to classify


WHAT = {"images": "images", "pairs": "pairs of images", "unpaired": "two domains", "captions": "captioned images"}
EXAMPLES: dict[Kind, str] = {"images": "dcgan", "pairs": "pix2pix", "unpaired": "cyclegan", "captions": "text"}


def kinds_for(config: Config) -> tuple[Kind, ...]:
    """The kinds of data that a config can be trained on, its own first."""
    game = config.game
    if game.captions != "none":
        return ("captions",)
    if game.directions:
        return ("unpaired",)
    makes_inputs = game.generates_from == "latents" or config.data.task.name != "none"
    return ("images", "captions") if makes_inputs else ("pairs",)


def check_kind(config: Config, facts: DataFacts, field: str) -> None:
    """Raises UserError where a config is for data of another kind than `facts`, which `field` names."""
    kinds = kinds_for(config)
    if facts.kind in kinds:
        return
    told = "" if facts.reason == "as given" else f" ({facts.reason})"
    raise UserError(
        f"{field}: {WHAT[facts.kind]}{told}, and this config is trained on {WHAT[kinds[0]]}; take a config for "
        f"{WHAT[facts.kind]}, such as {EXAMPLES[facts.kind]}, or none, as in `jgan train {facts.source}`"
    )


def source_for(config: Config, text: str) -> str:
    """The source that SOURCE beside a config stands for: files of two halves are pairs where the game needs pairs.

    Raises:
      UserError: there is none, or it is of another kind than the config's data.
    """
    facts = look_at(text, whole="pairs" not in kinds_for(config))
    check_kind(config, facts, f"SOURCE={text!r}")
    return facts.source


def follow_data(config: Config, overrides: Sequence[str], *, may_be_missing: bool = True) -> tuple[Config, list[str]]:
    """The config, to which the flags `overrides` are applied already, for its data, and the flags that make it so.

    Without a flag for `data.source` or `data.channels` nothing follows. Data that `may_be_missing` are left to those
    who open them.

    Raises:
      UserError: the networks cannot be made for these data.
    """
    given = {flag.partition("=")[0].lstrip("-").removeprefix("config.") for flag in overrides}
    if not given & {SOURCE, CHANNELS}:
        return config, []
    wanted = _wanted(config, given, may_be_missing=may_be_missing)
    fields = flatten(config)
    flags = [
        f"--config.{path}={value}" for path, value in wanted.items() if path not in given and fields[path] != value
    ]
    followed = override(config, flags)
    try:
        followed.game.check(followed.stages)
    except UserError as error:
        if not flags:
            return config, []  # the error is the config's own, and comes where it is checked
        raise UserError(
            f"{SOURCE}={config.data.source!r}: the networks of this config cannot follow it by {' '.join(flags)} "
            f"({error}); choose another config, or set these fields yourself"
        ) from None
    return followed, flags


def _wanted(config: Config, given: set[str], *, may_be_missing: bool) -> dict[str, Any]:
    """Path to value of the fields that have to fit the data."""
    if SOURCE not in given:
        return _channels(config, config.data.channels)
    try:
        facts = facts_of(config.data.source)
    except UserError:
        if may_be_missing:
            return {}
        raise
    check_kind(config, facts, f"{SOURCE}={config.data.source!r}")
    wanted: dict[str, Any] = {}
    if not any(path.endswith(IMAGE_CHANNELS) for path in given):
        channels, inputs = _natural(config, facts, given)
        wanted |= _channels(config, channels)
        wanted |= {CHANNELS: channels} if config.data.channels else {}
        wanted |= {INPUT_CHANNELS: inputs} if facts.kind == "pairs" else {}
    return wanted | _classes(config, facts, given) | _captions(config, facts)


def _natural(config: Config, facts: DataFacts, given: set[str]) -> tuple[int, int]:
    """Channels of the images, and of the inputs of pairs, as the files have them; transparency only where wanted."""
    sides = (facts.input_channels, facts.channels)
    inputs, channels = sides[::-1] if config.data.direction == "b_to_a" else sides
    present = config.data.channels
    if CHANNELS in given or (present == 4 and facts.transparent):
        return present, inputs
    if present == 0 and facts.transparent == facts.count:
        return 4, inputs
    return (3 if config.data.task.name in COLOUR_TASKS else channels), inputs


def _channels(config: Config, channels: int) -> dict[str, Any]:
    return dict.fromkeys(_fields(config, IMAGE_CHANNELS), channels) if channels else {}


def _classes(config: Config, facts: DataFacts, given: set[str]) -> dict[str, Any]:
    """Of games with labels, as many as the data have, or as a flag says; a game without labels stays so."""
    fields = [path for name in CLASSES for path in _fields(config, name)]
    present = [path for path in fields if flatten(config)[path]]
    if not present:
        return {}
    asked = [flatten(config)[path] for path in given & set(fields)]
    wanted: dict[str, Any] = dict.fromkeys(present, asked[0] if asked else facts.num_classes)
    if not asked and not facts.num_classes:
        wanted |= dict.fromkeys([path for name in CLASSIFIERS for path in _fields(config, name)], 0.0)
    return wanted


def _captions(config: Config, facts: DataFacts) -> dict[str, Any]:
    if facts.kind != "captions" or not hasattr(config.game, "embedding_features"):
        return {}
    return {EMBEDDINGS: facts.embedding_features, **dict.fromkeys(_fields(config, VOCABULARY), facts.vocabulary)}


def _fields(config: Config, name: str) -> list[str]:
    """Paths in the game of the fields of this name."""
    return [path for path in flatten(config) if path.startswith("game.") and path.split(".")[-1] == name]
