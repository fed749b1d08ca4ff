"""TensorFlow Datasets without TensorFlow: a data set of our own, prepared here, and what is said of the others."""

import importlib.util
import io

import numpy as np
import pytest
from PIL import Image

from jgan.data.config import DataConfig
from jgan.data.opening import open_dataset
from jgan.data.registry import open_source
from jgan.types import UserError


@pytest.fixture
def prepared(tmp_path, monkeypatch):
    """$TFDS_DATA_DIR with ten images of gray levels 0 to 9, their classes the parity."""
    import tensorflow_datasets as tfds

    class TinySquares(tfds.core.GeneratorBasedBuilder):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            features = {"id": tfds.features.Scalar(np.int64), "picture": tfds.features.Image(shape=(8, 8, 1))}
            features["parity"] = tfds.features.ClassLabel(names=["even", "odd"])
            return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

        def _split_generators(self, _):
            return {"train": self._generate_examples()}

        def _generate_examples(self):
            for level in range(10):
                png = io.BytesIO()
                Image.new("L", (8, 8), level).save(png, "PNG")
                yield level, {"id": level, "picture": io.BytesIO(png.getvalue()), "parity": level % 2}

    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    TinySquares(data_dir=tmp_path, file_format="array_record").download_and_prepare()


@pytest.mark.filterwarnings("default")  # of tfds, while it writes
def test_a_prepared_set(prepared):
    dataset = open_dataset(DataConfig("tfds:tiny_squares", channels=0), 0)
    assert (dataset.count, dataset.channels, dataset.class_names) == (10, 1, ("even", "odd"))
    batch = dataset.example_batch(10, 8)
    levels = batch["images"][:, 0, 0, 0]
    assert sorted(levels.tolist()) == list(range(10))
    np.testing.assert_array_equal(batch["labels"], levels % 2)
    assert open_source("tfds:tiny_squares:1.0.0:train[2:6]").count == 4
    for split, hint in {"test": "it has train", "train[3%:": "expected tfds:<name>"}.items():
        with pytest.raises(UserError, match=hint):
            open_source(f"tfds:tiny_squares:{split}")


@pytest.mark.filterwarnings("default")
def test_sets_that_are_not_there(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    assert importlib.util.find_spec("tensorflow") is None, "this test is about its absence"
    for name in ("cifar10", "lsun/bedroom", "imagenet2012"):
        with pytest.raises(UserError) as refusal:
            open_source(f"tfds:{name}:train[:1000]")
        command = f"pip install 'jgan[tfds]' && tfds build {name} --file_format=array_record"
        assert command in str(refusal.value)
    with pytest.raises(UserError, match="did you mean cifar10"):
        open_source("tfds:cifar1")
