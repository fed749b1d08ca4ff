"""Results of jgan evaluate: scores, and what they depend on."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jgan.reports.markup import as_text

NEWEST = "eval.json"


@dataclasses.dataclass(frozen=True)
class Result:
    """One file of results."""

    file: str
    scores: dict[str, float]
    provenance: dict[str, str]  # as below
    warnings: list[str]


def result_files(directory: Path) -> list[Path]:
    """eval.json, then those it replaced (eval-*.json), the last written first."""
    newest = [path for path in [directory / NEWEST] if path.exists()]
    return newest + sorted(directory.glob("eval-*.json"), key=lambda path: (-path.lstat().st_mtime, path.name))


def provenance(data: dict[str, Any]) -> dict[str, str]:
    """What the scores of a file depend on, for people: "images" to "500". What the file does not say is left out."""
    return dict(_provenance(data))


def _provenance(data: dict[str, Any]) -> Iterator[tuple[str, str]]:
    images, reference = _part(data, "images"), _part(data, "reference")
    extractors = _part(data, "extractors")
    if "count" in images:
        of = f" of {as_text(images['source'])}" if "source" in images else ""
        yield "images", f"{as_text(images['count'])}{of}"
    for name in ("step", "checkpoint", "weights"):
        if name in images:
            yield name, as_text(images[name])
    if "truncation" in images:
        yield "truncation", "none" if images["truncation"] is None else as_text(images["truncation"])
    if reference:
        yield "reference", f"{as_text(reference.get('count'))} of {as_text(reference.get('source'))}"
    if extractors:
        yield "extractor", "; ".join(_describe(name, _part(extractors, name)) for name in extractors)
    if "seed" in data:
        yield "seed", as_text(data["seed"])


def _part(data: dict[str, Any], name: str) -> dict[str, Any]:
    part = data.get(name)
    return part if isinstance(part, dict) else {}


def _describe(name: str, extractor: dict[str, Any]) -> str:
    """As in "inception, float32, weights 1a2b3c4d": the weights may be the user's own."""
    weights = f"weights {as_text(extractor.get('weights_sha256'))[:8]}"
    return ", ".join([name, as_text(extractor.get("dtype")), weights])
