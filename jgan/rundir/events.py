"""TensorBoard event files without TensorFlow, written at once: no thread, and no error that is lost in one."""

from __future__ import annotations

import contextlib
import io
import time
from pathlib import Path

import numpy as np
from PIL import Image
from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event, SessionLog  # pyright: ignore[reportAttributeAccessIssue] (generated)
from tensorboardX.proto.summary_pb2 import Summary  # pyright: ignore[reportAttributeAccessIssue] (generated)

from jgan.rundir.atomic_files import writing


class Events:
    """One event file. Its methods raise UserError where the disk refuses."""

    def __init__(self, directory: Path, first_step: int) -> None:
        """Tells TensorBoard to forget what earlier files say of the steps after `first_step`."""
        self._directory = directory
        with writing(directory):
            directory.mkdir(exist_ok=True)
            # Its own names differ from one second to the next, and a second file of a name would empty the first.
            self._writer = EventsWriter(str(directory / "events"), f".{time.time_ns()}")
            start = SessionLog(status=SessionLog.START)
            self._write(Event(wall_time=time.time(), step=first_step + 1, session_log=start))

    def write_scalars(self, step: int, values: dict[str, float]) -> None:
        """One value per name."""
        self._write_summary(step, [Summary.Value(tag=name, simple_value=value) for name, value in values.items()])

    def write_image(self, step: int, name: str, image: np.ndarray) -> None:
        """A picture [height, width, channels], uint8, of 1, 3 or 4 channels."""
        height, width, channels = image.shape
        encoded = io.BytesIO()
        Image.fromarray(image[..., 0] if channels == 1 else image).save(encoded, format="PNG")
        picture = Summary.Image(
            height=height, width=width, colorspace=channels, encoded_image_string=encoded.getvalue()
        )
        self._write_summary(step, [Summary.Value(tag=name, image=picture)])

    def close(self) -> None:
        """Closes the file; everything is on disk already."""
        with contextlib.suppress(OSError):  # a full disk was reported by the write that met it
            self._writer.close()

    def _write_summary(self, step: int, values: list[Summary.Value]) -> None:
        self._write(Event(wall_time=time.time(), step=step, summary=Summary(value=values)))

    def _write(self, event: Event) -> None:
        with writing(self._directory):
            self._writer.write_event(event)
            self._writer.flush()
