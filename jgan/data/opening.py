"""Opening the data of a run: what a config names, with its files checked before anything is trained."""

from __future__ import annotations

import logging

from jgan.data.broken_files import FileReport, broken_files_message, usable_channels
from jgan.data.classes import NEW, Numbering, classes_without_images
from jgan.data.config import DataConfig, check_config
from jgan.data.depth import darkness
from jgan.data.file_source import FileSource
from jgan.data.loader import Dataset, UnpairedDataset
from jgan.data.memory import DecodedSource
from jgan.data.pairs import PairSource, missing_partners_message, source_reports
from jgan.data.registry import is_unpaired, open_domains, open_source
from jgan.data.renumbered import numbered
from jgan.data.source import Source
from jgan.tasks.config import check_colours
from jgan.types import UserError

logger = logging.getLogger(__name__)


def open_dataset(
    config: DataConfig, seed: int, patch: int = 0, numbering: Numbering = NEW
) -> Dataset | UnpairedDataset:
    """The data set of a run, its files checked. Raises UserError on anything that cannot be trained on.

    Of patches, images with sides of fewer than `patch` pixels are as broken ones. `numbering` is that of the run.
    """
    check_config(config)
    if is_unpaired(config.source):
        _check_no_pairs(config)
        _check_task(config, "its domains have no pairs")
        domains = enumerate(open_domains(config.source))
        return UnpairedDataset(*(_open(config, domain, seed + place, patch, numbering) for place, domain in domains))
    source = open_source(config.source)
    if isinstance(source, PairSource):
        _check_task(config, "pairs have their inputs")
        source = source.from_b_to_a() if config.direction == "b_to_a" else source
    else:
        _check_no_pairs(config)
    return _open(config, source, seed, patch, numbering)


def _check_no_pairs(config: DataConfig) -> None:
    """Raises UserError for settings of pairs."""
    for field in ("direction", "input_channels"):
        value, default = getattr(config, field), getattr(DataConfig, field)
        if value != default:
            raise UserError(f"data.{field}={value!r}: {config.source} has no pairs; leave it {default!r}")


def _task(config: DataConfig) -> str:
    return f"data.task.name={config.task.name!r}: {config.source}"


def _check_task(config: DataConfig, reason: str) -> None:
    if config.task.name != "none":
        raise UserError(f"{_task(config)}: {reason}; set it to 'none'")


def _open(config: DataConfig, source: Source, seed: int, patch: int, numbering: Numbering) -> Dataset:
    if not isinstance(source, FileSource | PairSource):
        source = _numbered(config, source, numbering)
        gray = source.count if config.task.name != "none" and source.channels() == 1 else 0
        check_colours(config.task.name, gray, source.count, _task(config))
        return Dataset(config, source, config.channels or source.channels(), seed)
    if numbering.earlier:
        source = source.as_earlier()
    if isinstance(source, PairSource) and not config.channels:
        source.channels()  # refuses
    source, reports = _checked(source, config, patch if config.fit == "patch" else 0)
    gray = sum(report.channels == 1 for report in reports)
    check_colours(config.task.name, gray, len(reports), _task(config))
    channels = config.channels or usable_channels(source, reports)
    smallest = None
    if config.fit == "patch" or config.task.is_blind:
        report = min(reports, key=lambda report: min(report.size))
        smallest = f"{source.name(reports.index(report))} is {report.size[0]} x {report.size[1]}", min(report.size)
        pixels = sum(report.size[0] * report.size[1] for report in reports)
        if pixels * (channels + config.input_channels) <= config.device_megabytes * 2**20:
            source = DecodedSource(source)
    source = _numbered(config, source, numbering)
    return Dataset(config, source, channels, seed, smallest if config.fit == "patch" else None)


def _numbered(config: DataConfig, source: Source, numbering: Numbering) -> Source:
    """The source with its classes numbered as the run's; warns of those without an image."""
    field = f"data.source={config.source!r}"
    counts = source.class_counts
    if counts is not None and (missing := classes_without_images(source.class_names, counts)):
        logger.warning("%s: %s", field, missing)
    return numbered(source, numbering, field)


def _checked(
    source: FileSource | PairSource, config: DataConfig, least: int
) -> tuple[FileSource | PairSource, list[FileReport]]:
    """The source without broken files, and those with shorter sides, if they may be skipped; reports on the rest."""
    if isinstance(source, PairSource) and source.missing:
        message = missing_partners_message(source)
        if config.on_error == "refuse":
            raise UserError(f"{message}; add them or train with --config.data.on_error=skip")
        logger.warning("%s; skipped", message)
    reports = [_with_sides(report, least) for report in source_reports(source, config.check_megabytes)]
    broken = [report for report in reports if report.problem]
    if broken and (config.on_error == "refuse" or len(broken) == source.count):
        advice = (
            "remove them or train with --config.data.on_error=skip"
            if len(broken) < source.count
            else "check the source"
        )
        raise UserError(f"{broken_files_message(source, broken)}; {advice}")
    if broken:
        logger.warning("%s; skipped", broken_files_message(source, broken))
        source = source.without([report.index for report in broken])
    whole = [report for report in reports if not report.problem]
    if dark := darkness([report.peak for report in whole]):
        logger.warning("%s: %s", source.title, dark)
    return source, whole


def _with_sides(report: FileReport, least: int) -> FileReport:
    """The report, with a problem where a side is shorter."""
    if report.problem or min(report.size) >= least:
        return report
    return FileReport(report.index, problem=f"{report.size[0]} x {report.size[1]} pixels, less than a patch of {least}")
