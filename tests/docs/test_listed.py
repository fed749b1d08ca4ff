"""What can be chosen by name stands on the page where users look it up."""

import re

import pytest
from documents import ROOT

from jgan.augment.diffaugment import AUGMENTATIONS
from jgan.compare import METRICS as IMAGE_METRICS
from jgan.data.registry import EMBEDDED, SOURCES
from jgan.losses.adversarial import ADVERSARIAL
from jgan.metrics.extractors import EXTRACTORS
from jgan.metrics.scores import METRICS

LISTED = [
    ("docs/stabilisers.md", "ADVERSARIAL of jgan/losses/adversarial.py", ADVERSARIAL),
    ("docs/stabilisers.md", "AUGMENTATIONS of jgan/augment/diffaugment.py", AUGMENTATIONS),
    ("docs/measure.md", "METRICS of jgan/metrics/scores.py", METRICS),
    ("docs/measure.md", "EXTRACTORS of jgan/metrics/extractors.py", EXTRACTORS),
    ("docs/image-to-image.md", "METRICS of jgan/compare.py", IMAGE_METRICS),
    ("docs/own-images.md", "SOURCES of jgan/data/registry.py", {*SOURCES, *EMBEDDED}),
]


@pytest.mark.parametrize(("page", "table", "names"), LISTED, ids=[table for _, table, _ in LISTED])
def test_every_name_is_on_its_page(page, table, names):
    words = set(re.findall(r"[\w-]+", (ROOT / page).read_text()))
    missing = sorted(set(names) - words)
    assert not missing, f"{page} has none of {table}'s {', '.join(missing)}: add a line for each"
