"""What is compared, and with what: the metrics that were asked for, the networks they need, and their scores."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jgan.metrics.class_scores import RealClassifier
from jgan.metrics.classifier import Classifier, load_classifier, with_classes
from jgan.metrics.extractors import EXTRACTORS, Extractor
from jgan.metrics.scores import METRICS, Better, ImageSet, Metric
from jgan.types import UserError, did_you_mean


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Metrics by name, and the network `features` for those that take any."""

    metrics: dict[str, Metric]
    features: str
    extractors: dict[str, Extractor]
    classifier: Classifier | None  # that reads images, in place of one trained on the reference

    @property
    def needs_features(self) -> bool:
        """Whether a metric looks at the features of every image."""
        return any(metric.needs_features for metric in self.metrics.values())

    @property
    def compares_classes(self) -> bool:
        """Whether a metric asks which class an image is of."""
        return any(metric.needs_labels or metric.classifies for metric in self.metrics.values())

    def of_classes(self, names: Sequence[str] | None, num_classes: int | None) -> Comparison:
        """With the classifier's classes numbered as the reference's, which are called by their numbers without `names`.

        Raises:
          UserError: it knows others.
        """
        if self.classifier is None or num_classes is None:
            return self
        names = tuple(map(str, range(num_classes))) if names is None else tuple(names)
        return dataclasses.replace(self, classifier=with_classes(self.classifier, names))

    def check_labels(self, *, generated: bool, reference: bool) -> None:
        """Raises UserError for a metric that needs labels where a side has none, before anything long begins."""
        for name, metric in self.metrics.items():
            if metric.classifies and not reference:
                raise UserError(f"metric {name!r}: reads images by class, the reference has no labels; leave it out")
            if metric.needs_labels and not (generated and reference):
                side = "the reference images" if generated else "the generated images"
                raise UserError(f"metric {name!r}: compares class by class, and {side} have no labels; leave it out")

    def check_pairs(self, *, paired: bool) -> None:
        """Raises UserError for a metric that compares an image with its target where images have none."""
        for name, metric in self.metrics.items():
            if metric.needs_pairs and not paired:
                raise UserError(
                    f"metric {name!r}: compares each image with its target, and these have none; leave it out, or "
                    "compare files of equal names by `jgan compare`"
                )

    def check_images(self, *, generated: int, reference: int, side: int | None) -> None:
        """Raises UserError for a metric that needs more images or larger ones; `side` in pixels, where it is known."""
        counts = {"generated": generated, "reference": reference}
        for name, metric in self.metrics.items():
            for images, count in counts.items():
                if count < metric.least_images:
                    raise UserError(
                        f"metric {name!r}: {count} {images} images; expected at least {metric.least_images}: use more "
                        "images, or leave it out"
                    )
            if side is not None and side < metric.least_side:
                raise UserError(
                    f"metric {name!r}: images of {side} pixels; expected sides of at least {metric.least_side}: leave "
                    "it out"
                )

    def scores(self, generated: ImageSet, reference: ImageSet, seed: int) -> dict[str, float]:
        """Numbers by name, as in fid, kid, kid_std, fd_efficientnet_lite0: those of any network carry its name.

        Raises:
          UserError: a metric needs more images.
        """
        scores = {}
        for name, metric in self.metrics.items():
            if metric.classifies and reference.classifier is None:
                reference.classifier = self._classifier_of(reference, seed)
            extractor = metric.extractor or self.features
            try:
                values = metric.compute(generated, reference, extractor, np.random.default_rng(seed))
            except UserError as error:
                raise UserError(f"metric {name!r}: {error}") from None
            scores |= {_score_name(name, metric, self.features, part): value for part, value in values.items()}
        return scores

    def warnings(self, generated: ImageSet, reference: ImageSet) -> list[str]:
        """That sides differ in number or size, and which metrics have fewer images than features."""
        lines = []
        if generated.count != reference.count:
            lines.append(f"{generated.count} images against {reference.count} real ones: compare only equal numbers")
        if (sizes := generated.images.shape[1:3]) != (others := reference.images.shape[1:3]):
            pixels = " and ".join(f"{width} x {height}" for height, width in (sizes, others))
            lines.append(f"images of {pixels} pixels, which alone makes them differ; --resolution compares them at one")
        for name, metric in self.metrics.items():
            for images, count in metric.covariances(generated, reference).items() if metric.covariances else ():
                dim = reference.moments[metric.extractor or self.features].dim
                if count <= dim:
                    lines.append(
                        f"{name}: {count} {images} give a covariance of {dim} features less than full rank, and "
                        "distances far above those of many images; compare only equal numbers of images"
                    )
        return lines

    def network_of(self, score: str) -> str | None:
        """The network that a score of `rankings` is made with; None where it looks at pixels."""
        names = (name for name in self.metrics if score in rankings({name: self.metrics[name]}, self.features))
        metric = self.metrics[next(names)]
        return None if metric.extractor is None else metric.extractor or self.features

    def _classifier_of(self, reference: ImageSet, seed: int) -> RealClassifier:
        """One for all metrics, and for all evaluations against this reference."""
        assert reference.labels is not None, "checked before"
        labels = reference.labels[: len(reference.images)]
        return RealClassifier(reference.images, labels, seed=seed, stored=self.classifier)


def check_metrics(names: Sequence[str], field: str) -> dict[str, Metric]:
    """The metrics of these names. Raises UserError, naming the field, for an unknown one, one given twice, or none."""
    for name in names:
        if name not in METRICS:
            raise UserError(f"{field}: no metric {name!r}{did_you_mean(name, METRICS)}")
        if list(names).count(name) > 1:
            raise UserError(f"{field}: {name} is given twice; give it once")
    if not names:
        raise UserError(f"{field}: expected at least one of {', '.join(METRICS)}")
    return {name: METRICS[name] for name in names}


def rankings(metrics: dict[str, Metric], features: str) -> dict[str, Better]:
    """Which way each score of these metrics improves, of those that rank generators."""
    return {
        _score_name(name, metric, features, part): way
        for name, metric in metrics.items()
        for part, way in metric.better.items()
    }


def better_way(score: str) -> Better | None:
    """Which way a score of eval.json, such as "pr_inception_recall", improves; None: it does not rank generators."""
    for features in EXTRACTORS:
        if way := rankings(METRICS, features).get(score):
            return way
    return None


def open_comparison(
    metrics: dict[str, Metric],
    features: str,
    dtype: str,
    weights: Path | None,
    classifier: Path | None = None,
    *,
    weights_field: str = "--weights",
) -> Comparison:
    """The comparison with its networks' weights, the published ones or those of a file, the value of `weights_field`.

    Raises:
      UserError: a file of weights or the classifier's is missing, damaged, or of no use to these metrics.
    """
    if classifier and not any(metric.classifies for metric in metrics.values()):
        names = ", ".join(name for name, metric in METRICS.items() if metric.classifies)
        raise UserError(f"--classifier: none of these metrics reads images; expected {names}")
    wanted = [metric.extractor for metric in metrics.values()]
    names = list(dict.fromkeys(name or features for name in wanted if name is not None))
    if weights and len({name.removesuffix("_clean") for name in names}) != 1:
        raise UserError(f"{weights_field}: expected metrics of one network, these take {', '.join(names) or 'none'}")
    opened = {name: EXTRACTORS[name](weights, dtype) for name in names}
    return Comparison(metrics, features, opened, classifier and load_classifier(classifier))


def _score_name(name: str, metric: Metric, features: str, part: str) -> str:
    title = f"{name}_{features}" if metric.extractor == "" else name
    return f"{title}_{part}" if part else title
