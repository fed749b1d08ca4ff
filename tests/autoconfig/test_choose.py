"""What is chosen for data and machine, by a table of cases; and that each choice can be trained and is written well."""

import dataclasses
from pathlib import Path

import pytest

from jgan.autoconfig.calls import make
from jgan.autoconfig.choose import choose
from jgan.autoconfig.facts import DataFacts
from jgan.autoconfig.machine import MachineFacts
from jgan.autoconfig.plan import to_file, to_table
from jgan.autoconfig.wishes import Wishes
from jgan.config import check, check_is_data, flatten, read_config, to_saved
from jgan.types import UserError

CORES = MachineFacts(cores=2)
WORKSTATION = MachineFacts(cores=16)
GPU = MachineFacts(cores=16, devices=1, accelerator="NVIDIA H200", memory=130 * 2**30)
TPUS = MachineFacts(cores=96, devices=8, accelerator="TPU v5e", memory=16 * 2**30)

IMAGES = DataFacts("folder:photos", "images", count=1_000, width=256, height=256, smallest=256)
CLASSES = dataclasses.replace(IMAGES, num_classes=4, class_sizes=(250,) * 4)
PAIRS = dataclasses.replace(IMAGES, source="pairs:maps", kind="pairs", sides=("folder:maps/A", "folder:maps/B"))
DOMAINS = dataclasses.replace(IMAGES, source="unpaired:zebras", kind="unpaired")
CAPTIONS = dataclasses.replace(IMAGES, source="captions:birds", kind="captions", vocabulary=900)


def facts(base=IMAGES, **changes):
    return dataclasses.replace(base, **changes)


FLAGS = {"SOURCE", "--family", "--task", "--resolution", "--width", "--steps"}


def fields_as_flags(config):
    return {f"--config.{path}" for path in flatten(config)}


# data, machine, wishes: family and fields of the config
CASES = {
    "photos on two cores": (
        facts(),
        CORES,
        Wishes(),
        "dcgan",
        {"stages[0].resolution": 32, "data.channels": 3, "game.augment": ("color", "translation", "cutout")},
    ),
    "photos on many cores": (facts(), WORKSTATION, Wishes(), "dcgan", {"stages[0].resolution": 64}),
    "photos on a GPU": (facts(), GPU, Wishes(), "dcgan", {"stages[0].resolution": 128, "game.generator.channels": 64}),
    "photos on eight TPUs": (facts(), TPUS, Wishes(), "dcgan", {"stages[0].batch_size": 512}),
    "a resolution": (facts(), CORES, Wishes(resolution=64), "dcgan", {"game.generator.resolution": 64}),
    "classes": (CLASSES, CORES, Wishes(), "conditional_dcgan", {"game.num_classes": 4, "game.r1_gamma": 1.0}),
    "classes left out": (CLASSES, CORES, Wishes(family="dcgan"), "dcgan", {"game.num_classes": 0}),
    "digits": (
        facts(CLASSES, count=60_000, class_sizes=(), num_classes=10, width=28, height=28, smallest=28, channels=1),
        CORES,
        Wishes(),
        "conditional_dcgan",
        {"stages[0].resolution": 32, "data.channels": 1, "game.augment": (), "game.r1_gamma": 0.1},
    ),
    "8 images": (facts(count=8), CORES, Wishes(), "dcgan", {"stages[0].batch_size": 8, "stages[0].steps": 3_000}),
    "few visits": (facts(count=8), GPU, Wishes(), "dcgan", {"stages[0].steps": 20_000}),
    "two classes of few images": (
        facts(CLASSES, count=12, num_classes=2, class_sizes=(6, 6)),
        CORES,
        Wishes(),
        "dcgan",
        {"game.num_classes": 0},
    ),
    "11,000 classes": (facts(CLASSES, count=30_000, num_classes=11_000, class_sizes=()), CORES, Wishes(), "dcgan", {}),
    "tiny images": (facts(width=5, height=5, smallest=5), CORES, Wishes(), "dcgan", {"stages[0].resolution": 16}),
    "huge images": (facts(width=10_000, height=10_000), CORES, Wishes(), "dcgan", {"stages[0].resolution": 32}),
    "wide images": (facts(width=400, height=100), CORES, Wishes(), "dcgan", {"data.fit": "pad"}),
    "photographs": (facts(width=300, height=200), CORES, Wishes(), "dcgan", {"data.fit": "crop"}),
    "gray and colour": (facts(gray=3), CORES, Wishes(), "dcgan", {"data.channels": 3}),
    "pairs": (
        PAIRS,
        CORES,
        Wishes(),
        "pix2pix",
        {"stages[0].resolution": 64, "data.fit": "patch", "game.generator.downs": 5},
    ),
    "one pair": (facts(PAIRS, count=1), CORES, Wishes(), "pix2pix", {"stages[0].batch_size": 1}),
    "pairs of gray and colour": (
        facts(PAIRS, input_channels=1),
        CORES,
        Wishes(),
        "pix2pix",
        {"data.input_channels": 1, "game.generator.image_channels": 3},
    ),
    "small pairs": (facts(PAIRS, width=32, height=32, smallest=32), CORES, Wishes(), "pix2pix", {"data.fit": "crop"}),
    "pairs, one of them small": (facts(PAIRS, smallest=40), CORES, Wishes(), "pix2pix", {"data.fit": "crop"}),
    "huge pairs": (facts(PAIRS, width=5_000, height=5_000), CORES, Wishes(), "pix2pix", {"data.fit": "crop"}),
    "pairs on a GPU": (PAIRS, GPU, Wishes(), "pix2pix", {"stages[0].resolution": 256, "game.generator.downs": 8}),
    "domains": (DOMAINS, CORES, Wishes(), "cyclegan", {"stages[0].resolution": 32, "data.jitter": 9 / 8}),
    "domains of 16 pixels": (
        facts(DOMAINS, width=16, height=16, smallest=16),
        CORES,
        Wishes(),
        "cyclegan",
        {"stages[0].resolution": 16},
    ),
    "captions": (CAPTIONS, CORES, Wishes(), "text", {"game.generator.vocabulary": 900, "game.r1_gamma": 1.0}),
    "captions as vectors": (
        facts(CAPTIONS, vocabulary=0, embedding_features=512),
        CORES,
        Wishes(),
        "text",
        {"game.embedding_features": 512, "game.generator.vocabulary": 0},
    ),
    "colorization of gray and colour": (
        facts(channels=3, gray=5),
        CORES,
        Wishes(task="colorization"),
        "pix2pix",
        {"data.channels": 3, "data.fit": "crop"},
    ),
    "inpainting": (facts(), CORES, Wishes(task="inpainting"), "pix2pix", {"game.keep_known": True}),
    "denoising": (facts(), CORES, Wishes(task="denoising"), "pix2pix", {"data.fit": "patch", "data.task.noise": 50.0}),
    "edges with classes": (CLASSES, CORES, Wishes(task="edges"), "pix2pix", {"data.task.name": "edges"}),
    "twice as large": (
        facts(),
        CORES,
        Wishes(task="super_resolution", steps=30),
        "srgan",
        {"stages[0].steps": 20, "stages[1].steps": 10, "game.generator.scale": 2},
    ),
    "larger, of small images": (
        facts(width=45, height=61, smallest=45),
        GPU,
        Wishes(task="super_resolution"),
        "srgan",
        {"stages[0].resolution": 40, "data.fit": "patch"},
    ),
    "a width": (
        facts(),
        GPU,
        Wishes(width=24),
        "dcgan",
        {"game.generator.channels": 24, "game.discriminator.channels": 24},
    ),
    "a width of pairs": (PAIRS, CORES, Wishes(width=8), "pix2pix", {"game.generator.channels": 8}),
    "blindly larger": (facts(), GPU, Wishes(task="blind_super_resolution"), "srgan", {"data.jitter": 1.0}),
    "steps": (PAIRS, CORES, Wishes(steps=10), "pix2pix", {"stages[0].steps": 10, "sample_every": 2}),
}


@pytest.mark.parametrize("name", CASES)
def test_choices(name, tmp_path):
    data, machine, wishes, family, fields = CASES[name]
    plan = choose(data, machine, wishes)
    config = make(plan.config)
    check(config)
    check_is_data(config)
    assert plan.family == family
    assert {path: flatten(config)[path] for path in fields} == fields
    assert config.stages[0].batch_size % machine.devices == 0
    assert all(choice.reason and set(choice.flag.split()) <= FLAGS | fields_as_flags(config) for choice in plan.choices)
    assert "width" in {choice.name for choice in plan.choices}

    path = tmp_path / "config.py"
    path.write_text(to_file(plan, "jgan train photos"))
    assert to_saved(read_config(str(path), [])) == to_saved(config)


REFUSED = {
    "1 image": (facts(count=1), Wishes(), "1 image; a generator of new images needs 8"),
    "3 images": (facts(count=3), Wishes(), "3 images; a generator of new images needs 8"),
    "no such family": (facts(), Wishes(family="dcgn"), "did you mean dcgan"),
    "a family with configs": (facts(), Wishes(family="sngan"), "expected one of .*; of this one take --config sngan"),
    "no such task": (facts(), Wishes(task="colourization"), "did you mean colorization"),
    "no power of two": (facts(), Wishes(resolution=48), "expected a power of two"),
    "a family of other data": (facts(), Wishes(family="cyclegan"), "images without labels; leave it, or dcgan"),
    "classes that are not there": (facts(), Wishes(family="conditional_dcgan"), "images without labels"),
    "a task of pairs": (PAIRS, Wishes(task="edges"), "which need no task; .*, folder:maps/A or folder:maps/B"),
    "a task of domains": (DOMAINS, Wishes(task="edges"), "which need no task"),
    "colours of gray": (facts(channels=1, gray=1_000), Wishes(task="colorization"), "all 1,000 images are gray"),
    "larger, of tiny images": (facts(width=9, height=30), Wishes(task="super_resolution"), "9 x 30; expected sides"),
    "too wide": (facts(), Wishes(width=5_000), "--width=5000: expected 1 to 1024"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name):
    data, wishes, message = REFUSED[name]
    with pytest.raises(UserError, match=message):
        choose(data, CORES, wishes)


def said(plan):
    words = [*(choice.reason for choice in plan.choices), *plan.notes]
    assert all(word in to_table(plan) for text in words for word in text.split())
    return " ".join(words)


def test_what_may_go_wrong_is_said_in_words():
    assert "can be learned by heart" in said(choose(facts(count=100), CORES, Wishes()))
    assert "learned by heart" not in said(choose(facts(), CORES, Wishes()))
    assert "on 30 pairs alone" in said(choose(facts(PAIRS, count=30), CORES, Wishes()))
    assert "5 of 1,000 images are gray" in said(choose(facts(gray=5), CORES, Wishes(task="colorization")))
    assert "their 4 classes are not used" in said(choose(CLASSES, CORES, Wishes(task="edges")))
    unbalanced = facts(CLASSES, num_classes=2, class_sizes=(990, 10))
    assert "the smallest 10" in said(choose(unbalanced, CORES, Wishes()))
    many, machine, wishes, *_ = CASES["11,000 classes"]
    assert "11,000 classes of 2.73 images each" in said(choose(many, machine, wishes))
    assert "1 have an alpha channel" in said(choose(facts(transparent=1), CORES, Wishes()))
    assert "33% of each is cut off" in said(choose(facts(width=300, height=200), CORES, Wishes()))


def test_names_cannot_break_out_of_the_file(tmp_path):
    name = 'a "quoted"\n\'\'\' """ \\ folder\nimport os'
    plan = choose(facts(source=f"folder:{name}"), CORES, Wishes())
    path = tmp_path / "config.py"
    path.write_text(to_file(plan, f"jgan train {name}"))
    assert read_config(str(path), []).data.source == f"folder:{Path.cwd()}/{name}"


def test_flags_of_the_user_are_part_of_the_file(tmp_path):
    plan = choose(facts(), CORES, Wishes()).with_flags(["--config.seed=7", "--config.game.augment=()"])
    path = tmp_path / "config.py"
    path.write_text(to_file(plan, "jgan train photos"))
    config = read_config(str(path), [])
    assert to_saved(config) == to_saved(make(plan.config))
    assert (config.seed, config.game.augment) == (7, ())
