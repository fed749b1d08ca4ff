"""What is measured while a run trains."""

from __future__ import annotations

import dataclasses

from jgan.metrics.comparison import METRICS, check_metrics, rankings
from jgan.metrics.extractors import EXTRACTORS
from jgan.types import UserError, did_you_mean


@dataclasses.dataclass(frozen=True)
class EvaluationConfig:
    """The metrics of an evaluation, and the one that tells which checkpoint is the best."""

    metrics: tuple[str, ...] = ("fd",)  # names in METRICS
    features: str = "efficientnet_lite0"  # name in EXTRACTORS: the network of fd, kd, pr, ...
    dtype: str = "float32"  # that networks compute in
    weights: str = ""  # file of the network's weights; "": the published ones
    num_samples: int = 5000  # generated images, and real ones at most; image-to-image: at most as many as inputs
    held_out: str = ""  # image-to-image: held-out data of the run's kind; "": the run's own
    translates: str = ""  # of a game between two domains: "a_to_b" | "b_to_a"
    best: str = ""  # name of a score, as evaluations.jsonl has it; "": the first that ranks generators
    seed: int = 0  # of the latents and of random subsets

    def check(self) -> None:
        """Raises UserError, naming the field, for a metric, a network or a score that is not there."""
        metrics = check_metrics(self.metrics, "evaluation.metrics")
        if self.features not in EXTRACTORS:
            raise UserError(f"evaluation.features={self.features!r}{did_you_mean(self.features, EXTRACTORS)}")
        ways = rankings(metrics, self.features)
        if self.best not in ways and (self.best or not ways):
            ranking = ways or {name for name, metric in METRICS.items() if metric.better}
            hint = did_you_mean(self.best, ranking)
            raise UserError(f"evaluation.best={self.best!r}: not a score that ranks generators{hint}")
