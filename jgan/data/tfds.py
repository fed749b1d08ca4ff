"""TensorFlow Datasets by name, read from prepared ArrayRecord files without TensorFlow."""

from __future__ import annotations

import difflib
import os
import re
from typing import Any

import numpy as np
from PIL import Image

from jgan.data.captions import Captions
from jgan.data.pixels import BrokenImageError, decode, natural_channels
from jgan.data.source import NO_LABEL, check_label, fingerprint
from jgan.types import UserError

VERSION = re.compile(r"\d+\.\d+\.\d+")


class TfdsSource:
    """The encoded images and class labels of one split."""

    in_memory = False
    is_paired = False
    captions: Captions | None = None
    class_counts: np.ndarray | None = None  # its images have to be read for their labels

    def __init__(self, title: str, examples: Any, image: str, label: str | None, classes: Any, content: str) -> None:
        self.title = title
        self.count = len(examples)
        self.num_classes: int | None = None if classes is None else classes.num_classes
        self.class_names: tuple[str, ...] | None = None if classes is None else tuple(classes.names)
        self.fingerprint = content
        self._examples = examples
        self._image = image
        self._label = label

    def name(self, index: int) -> str:
        """The data set and the place, as in `tfds:cifar10:train[17]`."""
        return f"{self.title}[{index}]"

    def read(self, index: int) -> tuple[Image.Image | np.ndarray, int]:
        """The image and its label. Raises BrokenImageError."""
        try:
            example = self._examples[index]
        except (RuntimeError, ValueError) as error:
            raise BrokenImageError(" ".join(str(error).split())) from None
        label = NO_LABEL if self._label is None else int(example[self._label])
        return decode(example[self._image]), check_label(label, self.num_classes)

    def channels(self) -> int:
        """Channels of the first image."""
        return natural_channels(decode(self._examples[0][self._image]))


def open_tfds(argument: str) -> TfdsSource:
    """A data set by `<name>[/<config>][:<version>][:<split>]`, as in `lsun/bedroom` or `cifar10:train[:1000]`.

    The split is train by default. The image is the feature `image`, or the first that is one; the label is the
    feature `label`, or the first that is a class. It is looked for in $TFDS_DATA_DIR or ~/tensorflow_datasets.
    """
    name, split = _parse(argument)
    builder, features = _builder(name)
    image = _first(features, "image", "Image")
    label = _first(features, "label", "ClassLabel")
    if image is None:
        raise UserError(f"tfds:{name}: its features are {', '.join(features)}, no image among them; choose another")
    examples = _examples(builder, name, split, image)
    info = builder.info.splits[split]
    content = fingerprint(builder.info.full_name, split, len(examples), getattr(info, "num_bytes", None))
    if len(examples) == 0:
        raise UserError(f"tfds:{argument}: the split is empty; choose another")
    classes = features[label] if label else None
    return TfdsSource(f"tfds:{name}:{split}", examples, image, label, classes, content)


def _parse(argument: str) -> tuple[str, str]:
    name, *rest = re.split(r":(?![^\[]*\])", argument)  # not at the colon of a slice
    if rest and VERSION.fullmatch(rest[0]):
        name = f"{name}:{rest.pop(0)}"
    if len(rest) > 1 or not name:
        raise UserError(f"tfds:{argument}: expected tfds:<name>[:<split>], as in tfds:cifar10:train[:1000]")
    return name, rest[0] if rest else "train"


def _builder(name: str) -> tuple[Any, Any]:
    """The builder of a data set and its features."""
    import tensorflow_datasets as tfds  # takes seconds, which no other source should pay
    from tensorflow_datasets.core.registered import DatasetNotFoundError

    try:
        builder = tfds.builder(name, data_dir=os.environ.get("TFDS_DATA_DIR"))
        return builder, builder.info.features
    except DatasetNotFoundError:
        known = tfds.list_builders(with_community_datasets=False)
        nearest = difflib.get_close_matches(name.partition("/")[0], known, n=3)
        hint = f"did you mean {' or '.join(nearest)}?" if nearest else "see https://www.tensorflow.org/datasets"
        raise UserError(f"tfds:{name}: no such data set; {hint}") from None
    except Exception as error:  # a builder's module may import anything, TensorFlow first of all
        reason = " ".join(str(error).split())
        raise UserError(f"tfds:{name}: cannot be opened ({reason[:200]}); {_prepare(name)}") from None


def _examples(builder: Any, name: str, split: str, image: str) -> Any:
    """The random-access examples of a split, their images still encoded."""
    import tensorflow_datasets as tfds

    splits = builder.info.splits
    if not splits or builder.info.file_format.value != "array_record":
        raise UserError(f"tfds:{name}: not prepared as ArrayRecord in {builder.data_dir}; {_prepare(name)}")
    try:
        return builder.as_data_source(split=split, decoders={image: tfds.decode.SkipDecoding()})
    except (ValueError, KeyError, AssertionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"tfds:{name}: split {split!r} cannot be read ({reason}); it has {', '.join(splits)}") from None


def _prepare(name: str) -> str:
    return f"run: pip install 'jgan[tfds]' && tfds build {name} --file_format=array_record"


def _first(features: Any, name: str, kind: str) -> str | None:
    """The feature of a class of tfds, `name` before any other."""
    found = [key for key, feature in features.items() if type(feature).__name__ == kind]
    return name if name in found else next(iter(found), None)
