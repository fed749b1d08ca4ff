"""Executes the notebooks beside this file and stores them with their pictures: `make notebook`.

Each runs in a new directory, so that a run of it begins at step 0. What only this machine would show (progress bars as
they move, its paths) does not stay in the outputs.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
SECONDS_A_CELL = 1800


def main() -> None:
    """All notebooks, one after the other."""
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    for path in sorted(HERE.glob("*.ipynb")):
        start = time.perf_counter()
        notebook: Any = nbformat.read(path, as_version=4)
        with tempfile.TemporaryDirectory() as directory:
            client = NotebookClient(notebook, timeout=SECONDS_A_CELL, resources={"metadata": {"path": directory}})
            client.execute()
            clean(notebook, directory)
        nbformat.write(notebook, path)
        print(f"{path.name}: executed in {time.perf_counter() - start:.0f} s", file=sys.stderr)


def clean(notebook: Any, directory: str) -> None:
    """Takes out of a notebook what its next execution would not give again."""
    notebook.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    for cell in notebook.cells:
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.outputs = joined(cell.outputs)
            for output in cell.outputs:
                if output.output_type == "stream":
                    output.text = last_states(output.text).replace(directory, ".").replace(str(ROOT), ".")


def joined(outputs: list[Any]) -> list[Any]:
    """The outputs with one in place of all that a stream wrote in pieces: its text is where the first piece was."""
    kept: list[Any] = []
    streams: dict[str, Any] = {}
    for output in outputs:
        if output.output_type != "stream":
            kept.append(output)
        elif output.name in streams:
            streams[output.name].text += output.text
        else:
            streams[output.name] = output
            kept.append(output)
    return kept


def last_states(text: str) -> str:
    """Of lines that were written over, as those of progress bars, what was there in the end; no colours, no clocks."""
    plain = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)
    plain = re.sub(r" \[[\d:]+<[\d:?]+, +[\d.?]+ images/s(, )?", " [", plain).replace(" []", "")
    lines = [line.rstrip("\r").rsplit("\r", 1)[-1].rstrip() for line in plain.split("\n")]
    return "".join(f"{line}\n" for line in lines if line)


if __name__ == "__main__":
    main()
