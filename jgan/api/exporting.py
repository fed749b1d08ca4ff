"""`run.export`: a run's generator as a file for other runtimes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jgan.api.arguments import checked
from jgan.config import Config
from jgan.export.exporting import Wanted, Written, export_run
from jgan.inference.weights import Weights
from jgan.rundir.paths import given_path
from jgan.types import UserError


class Exporting:
    """What a run directory is exported by."""

    workdir: Path
    config: Config

    @checked
    def export(
        self,
        out: str | Path,
        *,
        format: str = "onnx",  # noqa: A002  # as the command's flag
        batch_size: int | None = None,
        size: Sequence[int] | None = None,
        direction: str | None = None,
        truncation: float | None = None,
        license: str | None = None,  # noqa: A002
        overwrite: bool = False,
        raw: bool = False,
        best: bool = False,
        step: int | None = None,
    ) -> Written:
        """Writes the generator to a file as `jgan export` does; its path, bytes, and difference from the run.

        `format` is "onnx", "stablehlo" or "safetensors". Without `batch_size` batches of any size go through, without
        `size` = (width, height) images of any size that the network takes.

        Raises:
          UserError: the run cannot be exported so, or the file is there already or cannot be written.
        """
        if size is not None and len(size) != 2:
            raise UserError(f"size={tuple(size)}: expected (width, height)")
        wanted = Wanted(
            format=format,
            weights=Weights(raw, best, step),
            batch_size=batch_size,
            size=None if size is None else (size[1], size[0]),
            direction=direction,
            truncation=truncation,
            licence=license,
            overwrite=overwrite,
        )
        return export_run(self.config, self.workdir, given_path(out), wanted)
