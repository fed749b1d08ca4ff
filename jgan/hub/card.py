"""A model card in the Hub's form (huggingface.co/docs/hub/model-cards): YAML metadata, then Markdown.

It says what the run's files say and what its author gives, and nothing else; a licence that is not given is not stated.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from typing import Any

from jgan import __version__
from jgan.errors import UserError, counted
from jgan.reports.runs import Run
from jgan.rundir.atomic_files import as_json

LICENCE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,63}")  # identifiers as the Hub has them: apache-2.0, cc-by-4.0, other
TASKS = {  # what a run generates from: the Hub's name of the task, and in words
    "latents": ("unconditional-image-generation", "image generation"),
    "captions": ("text-to-image", "images from captions"),
    "images": ("image-to-image", "image-to-image"),
}
MOST_CLASSES = 100  # whose names stand in the card
SPECIAL = re.compile(r"([\\`*_{}\[\]<>#+!|~&$])")


@dataclasses.dataclass(frozen=True)
class Given:
    """What the author states, and no file of a run can know."""

    title: str
    repository: str | None = None  # owner/name on the Hub
    licence: str | None = None  # of the weights
    data_name: str | None = None
    data_licence: str | None = None
    notes: str = ""  # Markdown, as it is

    def check(self) -> None:
        """Raises UserError for identifiers that the Hub would not take."""
        for flag, licence in (("--license", self.licence), ("--data_license", self.data_licence)):
            if licence is not None and not LICENCE.fullmatch(licence):
                raise UserError(f"{flag}={licence}: expected an identifier of the Hub, such as apache-2.0 or other")


@dataclasses.dataclass(frozen=True)
class Facts:
    """What a card tells of a run beside what reports read of it."""

    run: Run
    task: str  # a key of TASKS
    step: int  # of the weights
    weights: str  # in words
    shape: tuple[int, int, int]  # of generated images: height, width, channels
    classes: Sequence[str] | None  # names or numbers; None: no classes
    parameters: dict[str, int]  # of each player
    source: str  # data.source
    data_count: int | None  # None: a checkpoint that does not say, or imported weights
    fingerprint: str
    family: str  # of the generator
    imported: Sequence[str]  # the files that weights were imported from
    sampled: str  # what the picture shows; "" without one
    command: str  # how to use it, behind `jgan `


def make_card(facts: Facts, given: Given) -> str:
    """README.md: metadata and Markdown."""
    sections = [
        f"# {escaped(given.title)}",
        _opening(facts),
        f"![{facts.sampled}](samples.png)\n\n{facts.sampled[0].upper()}{facts.sampled[1:]}." if facts.sampled else "",
        "## Use\n\n" + _use(facts, given),
        "## Training data\n\n" + _table(_data(facts, given)),
        "## Training\n\n" + _table(_training(facts)) + "\n\nAll settings are in `config.json`.",
        "## Scores\n\n" + _scores(facts),
        "## Limits\n\n" + "\n".join(f"- {line}" for line in _limits(facts)),
        f"## Notes of the author\n\n{given.notes.strip()}" if given.notes.strip() else "",
        "## Licence\n\n" + _licence(given),
    ]
    return f"---\n{_metadata(facts, given)}---\n\n" + "\n\n".join(filter(None, sections)) + "\n"


def escaped(text: object) -> str:
    """Text of others as Markdown that shows it as it is, in one line."""
    line = "".join(letter if letter.isprintable() else " " for letter in str(text))
    return SPECIAL.sub(r"\\\1", line)


def _metadata(facts: Facts, given: Given) -> str:
    """YAML, each value as JSON, which is YAML too."""
    task = TASKS[facts.task][0]
    tags = ["gan", "jax", "flax", "jgan", facts.family]
    data: dict[str, Any] = {"library_name": "jgan", "pipeline_tag": task, "tags": tags}
    if given.licence:
        data["license"] = given.licence
    scores = list(_each_score(facts))
    if scores:
        metrics = [{"type": name, "name": name, "value": value} for name, value, _ in scores]
        of_data = {"type": "image-folder", "name": given.data_name or facts.source}
        results = [{"task": {"type": task}, "dataset": of_data, "metrics": metrics}]
        data["model-index"] = [{"name": given.title, "results": results}]
    return "".join(f"{name}: {as_json(value, indent=None, only_ascii=False)}\n" for name, value in data.items())


def _opening(facts: Facts) -> str:
    height, width, channels = facts.shape
    images = f"{width} x {height} images of {counted(channels, 'channel')}"
    classes = f" of {counted(len(facts.classes), 'class', 'classes')}" if facts.classes else ""
    return (
        f"A GAN for {TASKS[facts.task][1]}, {images}{classes}, trained with jgan: the {facts.weights} of step "
        f"{facts.step:,}."
    )


def _use(facts: Facts, given: Given) -> str:
    place = f"hf://{given.repository}" if given.repository else "this folder"
    extra = "jgan[hub]" if given.repository else "jgan"
    return (
        f"```\npip install '{extra}'\njgan {facts.command} --workdir {place if given.repository else '.'}\n```\n\n"
        f'```python\nimport jgan\n\nrun = jgan.open("{place if given.repository else "."}")\n```'
    )


def _data(facts: Facts, given: Given) -> Iterator[tuple[str, object]]:
    yield "name", given.data_name or facts.source
    yield "images", "not recorded" if facts.data_count is None else f"{facts.data_count:,}"
    if facts.classes:
        names, more = facts.classes[:MOST_CLASSES], len(facts.classes) - MOST_CLASSES
        yield "classes", ", ".join(names) + (f" and {more} more" if more > 0 else "")
    yield "fingerprint", facts.fingerprint
    yield "licence", given.data_licence or "not stated"


def _training(facts: Facts) -> Iterator[tuple[str, object]]:
    run = facts.run
    yield "family", facts.family
    for player, count in facts.parameters.items():
        yield f"parameters, {player}", f"{count:,}"
    if facts.imported:
        yield "weights imported from", ", ".join(facts.imported)
    yield "steps", f"{facts.step:,} of {run.total:,}" if run.total is not None else f"{facts.step:,}"
    seen = [line["images_seen"] for line in run.metrics if line["step"] <= facts.step]
    if seen:
        yield "images seen", f"{seen[-1]:,.0f}"
    if run.seconds:
        yield "time", f"{run.seconds / 3600:.2f} h"
    for start in run.starts[-1:]:
        yield "on", f"{start.get('processes')} x {start.get('device_kind')}, jgan {start.get('jgan')}"
    yield "card by", f"jgan {__version__}"


def _each_score(facts: Facts) -> Iterator[tuple[str, float, dict[str, str]]]:
    """Name, value and what it depends on: of jgan evaluate where it measured this step, and of training."""
    found = set()
    for result in facts.run.offline:
        if result.provenance.get("step") == str(facts.step):
            for name, value in result.scores.items():
                if name not in found:
                    found.add(name)
                    yield name, value, {**result.provenance, "file": f"eval/{result.file}"}
    for line in facts.run.comparable:
        if line["step"] == facts.step:
            of_training = {name: value for name, value in line.items() if name not in ("step", "images_seen")}
            settings = {name: str(value) for name, value in facts.run.settings.items() if value is not None}
            for name, value in of_training.items():
                if name not in found:
                    yield name, value, {**settings, "file": "evaluations.jsonl"}


def _scores(facts: Facts) -> str:
    scores = list(_each_score(facts))
    if not scores:
        return "None was measured at this step."
    lines = ["| score | value | measured on |", "| --- | ---: | --- |"]
    for name, value, provenance in scores:
        on = "; ".join(f"{escaped(key)} {escaped(text)}" for key, text in provenance.items())
        lines.append(f"| {escaped(name)} | {value:.4g} | {on} |")
    return "\n".join(lines)


def _limits(facts: Facts) -> Iterator[str]:
    run = facts.run
    if facts.data_count is not None:
        yield f"It has seen {counted(facts.data_count, 'image')} and generates nothing that they do not suggest."
    if run.total is not None and facts.step < run.total:
        yield f"Training was not finished: step {facts.step:,} of {run.total:,}."
    if not list(_each_score(facts)):
        yield "How good and how varied its images are was not measured."
    yield "Generated images may be close to images of the training set; whether they are is for `jgan evaluate` to say."
    yield "It carries whatever bias its training set has, and no filter."


def _licence(given: Given) -> str:
    weights = f"Of the weights: {escaped(given.licence)}." if given.licence else "Of the weights: not stated."
    return f"{weights} Of the training data: {escaped(given.data_licence or 'not stated')}."


def _table(rows: Iterator[tuple[str, object]]) -> str:
    lines = ["| | |", "| --- | --- |"]
    return "\n".join([*lines, *(f"| {escaped(name)} | {escaped(value)} |" for name, value in rows)])
