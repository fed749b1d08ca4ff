"""Directions of latents and styles as methods of a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jgan.api.arguments import checked
from jgan.inference.given_captions import given_in_python
from jgan.inference.weights import Weights
from jgan.latents.along import Moves, holding
from jgan.latents.directions import check_method, check_options, find, labelling_of
from jgan.latents.edit import Edited, edit_and_measure
from jgan.latents.found import Directions, parse_direction
from jgan.latents.space import LatentSpace, check_seeds
from jgan.metrics.classifier import load_classifier
from jgan.rundir.paths import given_path

Given = str | Path | Directions  # a direction: "FILE.npz:3", or one of those that were found


class DirectionTools:
    """Methods of a run that starts from latents."""

    workdir: Path
    _space: Callable[[Weights], LatentSpace]  # with these weights; kept

    @checked
    def directions(
        self,
        method: str,
        *,
        components: int | None = None,
        num: int | None = None,
        layers: Sequence[int] | None = None,
        space: str | None = None,
        attribute: str | None = None,
        classifier: str | Path | None = None,
        target: str | int | None = None,
        table: str | Path | None = None,
        labels: Sequence[int | str] | None = None,
        captions: Sequence[str] | np.ndarray | None = None,
        raw: bool = False,
        best: bool = False,
        step: int | None = None,
    ) -> Directions:
        """Directions by "ganspace", "sefa" or "supervised", as `jgan latents directions` stores them.

        `found.vectors` are float32 [k, z or w], `found[0]` is one of them, `found.save(path)` writes a file.

        Raises:
          UserError: arguments that the run or the method does not take, or no such checkpoint.
        """
        given: dict[str, Any] = {"components": components, "num": num, "layers": layers, "space": space}
        given |= {"attribute": attribute, "classifier": classifier, "target": target, "table": table}
        check_method(method)
        check_options(method, given)
        labelling = None
        if method == "supervised":
            label = None if target is None else str(target)
            labelling = labelling_of(attribute, _path(classifier), label, _path(table))
        found, _ = find(
            self._space(Weights(raw, best, step)),
            self.workdir.resolve().name,
            method,
            components=components,
            num=num,
            layers=layers,
            within=space,
            labelling=labelling,
            labels=labels,
            captions=given_in_python(captions),
        )
        return found

    @checked
    def edit(
        self,
        seeds: Sequence[int],
        direction: Given | Sequence[Given],
        strengths: Sequence[float] = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0),
        *,
        hold: Given | Sequence[Given] = (),
        combine: str = "sum",
        layers: Sequence[int] | None = None,
        classifier: str | Path | None = None,
        labels: Sequence[int | str] | None = None,
        captions: Sequence[str] | np.ndarray | None = None,
        truncation: float | None = None,
        raw: bool = False,
        best: bool = False,
        step: int | None = None,
    ) -> Edited:
        """Images of seeds moved along directions, [seeds, n, h, w, c], and what moved, as `jgan latents edit` has it.

        Each direction is "FILE.npz:3", or one of those that `directions` gives, as in `found[0]`.

        Raises:
          UserError: arguments that the run does not take, or no such checkpoint.
        """
        check_seeds(seeds)
        held = _directions(hold, "--hold")
        moves = Moves([holding(each, held) for each in _directions(direction, "--direction")], layers)
        return edit_and_measure(
            self._space(Weights(raw, best, step)),
            seeds,
            moves,
            strengths,
            combine=combine,
            labels=labels,
            captions=given_in_python(captions),
            truncation=truncation,
            classifier=None if classifier is None else load_classifier(given_path(classifier)),
        )


def _directions(given: Given | Sequence[Given], flag: str) -> list[Directions]:
    """One direction, or each of several; the first of those that are several in one."""
    if isinstance(given, Directions):
        return [given[0]]
    if isinstance(given, str | Path):
        return [parse_direction(str(given), flag)]
    return [one for each in given for one in _directions(each, flag)]


def _path(value: str | Path | None) -> Path | None:
    return None if value is None else given_path(value)
