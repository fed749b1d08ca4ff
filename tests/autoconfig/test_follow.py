"""Channels, classes and captions of a config follow the data that a flag names."""

import pytest
from PIL import Image

from jgan.autoconfig.follow import follow_data, source_for
from jgan.config import check, flatten, read_config
from jgan.data.config import DataConfig
from jgan.data.opening import open_dataset
from jgan.setup import microbatches
from jgan.tasks.config import TaskConfig
from jgan.types import UserError, schedule

SMALL = "--config.stages[0].batch_size=2"


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    """Small folders of images: in colour or gray, with two classes or none, with transparency, as pairs."""
    root = tmp_path_factory.mktemp("sets")
    modes = {"colour": "RGB", "gray": "L", "alpha": "RGBA", "pairs/A": "L", "pairs/B": "RGB"}
    modes |= {
        "classes/cat": "RGB",
        "classes/dog": "RGB",
        "captioned": "RGB",
        "gray_classes/a": "L",
        "gray_classes/b": "L",
    }
    for name, mode in modes.items():
        (root / name).mkdir(parents=True)
        for index in range(4):
            Image.new(mode, (64, 64)).save(root / name / f"{index}.png")
    words = "\n".join(f"{index}.png,a cat number {index} of {' '.join(map(str, range(30)))}" for index in range(4))
    (root / "captioned/captions.csv").write_text(f"file,caption\n{words}\n")
    return root


# config, flags: what follows
CASES = [
    ("dcgan_digits", ["--config.data.source=folder:colour"], {"data.channels": 3, "game.generator.image_channels": 3}),
    ("dcgan", ["--config.data.source=folder:gray"], {"data.channels": 1, "game.generator.image_channels": 1}),
    ("dcgan", ["--config.data.source=folder:alpha"], {}),
    (
        "dcgan",
        ["--config.data.source=folder:alpha", "--config.data.channels=4"],
        {"game.generator.image_channels": 4},
    ),
    ("dcgan", ["--config.data.channels=1"], {"game.generator.image_channels": 1}),
    ("dcgan", ["--config.seed=1"], {}),
    (
        "quickstart",
        ["--config.data.source=folder:classes"],
        {
            "data.channels": 3,
            "game.generator.image_channels": 3,
            "game.num_classes": 2,
            "game.generator.num_classes": 2,
            "game.discriminator.num_classes": 2,
        },
    ),
    (
        "quickstart",
        ["--config.data.source=folder:classes", "--config.data.channels=1"],
        {"game.num_classes": 2, "game.generator.num_classes": 2, "game.discriminator.num_classes": 2},
    ),
    (
        "r3gan_digits",
        ["--config.data.source=folder:colour"],
        {
            "data.channels": 3,
            "game.generator.image_channels": 3,
            "game.num_classes": 0,
            "game.generator.num_classes": 0,
            "game.discriminator.num_classes": 0,
        },
    ),
    ("dcgan", ["--config.data.source=folder:classes"], {}),  # a family without labels stays so
    ("pix2pix_small", ["--config.data.source=pairs:pairs"], {"data.input_channels": 1}),
    (
        "pix2pix_small",
        ["--config.data.source=pairs:pairs", "--config.data.direction=b_to_a"],
        {"data.channels": 1, "game.generator.image_channels": 1},
    ),
    ("text_digits", ["--config.data.source=captions:captioned"], {"game.generator.vocabulary": 34}),
    (
        "progan_digits",
        ["--config.data.source=folder:colour"],
        {"game.generator.image_channels": 3, "game.num_classes": 0, "game.classifier_weight": 0.0},
    ),
    ("dcgan_digits", ["--config.data.source=folder:not_there"], {}),
]


@pytest.mark.parametrize(("name", "flags", "fields"), CASES)
def test_what_follows(name, flags, fields, sets, monkeypatch):
    monkeypatch.chdir(sets)
    config = read_config(name, [*flags, SMALL])
    followed, made_by = follow_data(config, [*flags, SMALL])
    assert fields.items() <= flatten(followed).items()
    assert bool(made_by) == bool(fields)
    assert read_config(name, [*flags, SMALL, *made_by]) == followed
    check(followed)
    if "not_there" not in followed.data.source and "source=" in flags[0] and len(followed.stages) == 1:
        dataset = open_dataset(followed.data, followed.seed)
        (batch,) = microbatches(dataset, schedule(followed.stages))
        followed.game.check_data(batch, dataset.num_classes, dataset.num_words)


def test_files_of_two_halves_are_pairs_where_a_game_needs_pairs(tmp_path):
    for index in range(4):
        Image.new("RGB", (64, 32)).save(tmp_path / f"{index}.png")
    assert source_for(read_config("pix2pix", []), str(tmp_path)) == f"pairs:{tmp_path}"
    assert source_for(read_config("colorization_small", []), str(tmp_path)) == f"folder:{tmp_path}"
    assert source_for(read_config("dcgan", []), str(tmp_path)) == f"folder:{tmp_path}"


@pytest.mark.parametrize(
    ("name", "place", "message"),
    [
        (
            "quickstart",
            "pairs",
            r"pairs of images \(it has the folders A and B: .* is trained on images; take",
        ),
        (
            "pix2pix_small",
            "colour",
            "images .*trained on pairs of images; .* such as dcgan, or none, as in",
        ),
        (
            "cyclegan_small",
            "pairs",
            "pairs of images .* is trained on two domains; take .* such as pix2pix",
        ),
        ("text_digits", "colour", "images .* is trained on captioned images; take"),
        ("colorization_small", "pairs", "pairs of images .* is trained on images; take"),
    ],
)
def test_data_of_another_kind_than_the_configs_are_refused(name, place, message, sets, monkeypatch):
    monkeypatch.chdir(sets)
    with pytest.raises(UserError, match=f"^SOURCE='{place}': {message}"):
        source_for(read_config(name, []), place)
    flags = [f"--config.data.source={'pairs' if place == 'pairs' else 'folder'}:{place}"]
    with pytest.raises(UserError, match=f"^data.source='[a-z]*:{place}': "):
        follow_data(read_config(name, flags), flags)


def test_no_colours_are_learned_from_gray_images(sets, monkeypatch):
    monkeypatch.chdir(sets)
    for source in ("folder:gray", "mnist5k"):
        with pytest.raises(UserError, match=rf"data.task.name='colorization': {source}: all [\d,]* images are gray"):
            open_dataset(DataConfig(source, channels=3, task=TaskConfig("colorization")), 0)


def test_what_cannot_follow_names_the_flags(sets, monkeypatch):
    monkeypatch.chdir(sets)
    flags = ["--config.data.source=folder:colour"]
    with pytest.raises(UserError, match=r"cannot follow it by .*--config\.game\.num_classes=0.* choose another config"):
        follow_data(read_config("quickstart", flags), flags)


def test_what_a_flag_says_stays(sets, monkeypatch):
    monkeypatch.chdir(sets)
    flags = ["--config.data.source=folder:classes", "--config.game.num_classes=5"]
    followed, _ = follow_data(read_config("quickstart", flags), flags)
    assert followed.game.num_classes == 5
