"""Files of others that are no files, or too large: one line, at once, whichever reader they are given to."""

import os

import pytest

from jgan.data.registry import open_source
from jgan.inference.given_captions import texts_of_file, vectors_of_file
from jgan.inference.translated_files import TranslatedFiles
from jgan.interop.weights import read_weights
from jgan.metrics.classifier import load_classifier
from jgan.rundir.atomic_files import read_lines
from jgan.rundir.environment import write_environment
from jgan.training.start_from import find_start
from jgan.types import UserError
from jgan.untrusted.bounded_read import MAX_FILE_BYTES, MAX_TEXT_BYTES, MAX_WEIGHTS_BYTES
from jgan.untrusted.json_data import MAX_JSON_BYTES, read_json

READERS = {  # a file's name: what reads it, and the limit
    "captions.txt": (lambda path: texts_of_file(path).texts(), MAX_TEXT_BYTES),
    "embeddings.npz": (lambda path: vectors_of_file(path).vectors(), MAX_FILE_BYTES),
    "config.json": (lambda path: read_json(path, "mend it"), MAX_JSON_BYTES),
    "start.json": (lambda path: find_start(path.parent, None), MAX_JSON_BYTES),
    "translated.jsonl": (lambda path: TranslatedFiles(path.parent, {}), MAX_FILE_BYTES),
    "evaluations.jsonl": (read_lines, MAX_FILE_BYTES),
    "weights.safetensors": (read_weights, MAX_WEIGHTS_BYTES),
    "weights.ckpt": (read_weights, MAX_WEIGHTS_BYTES),
    "weights.npz": (read_weights, None),  # unpacked member by member: tests/untrusted/test_packed.py
    "weights.pth": (read_weights, None),
    "classifier.npz": (load_classifier, None),
    "data.npz": (lambda path: open_source(f"npz:{path}"), None),
    "train-images-idx3-ubyte": (lambda path: open_source(f"idx:{path.parent}"), MAX_FILE_BYTES),
}


@pytest.mark.parametrize("name", READERS)
def test_what_is_no_file_or_too_large_is_one_line(name, tmp_path):
    read, most = READERS[name]
    path = tmp_path / name
    os.mkfifo(path)
    if name != "start.json":  # as if it were not there
        with pytest.raises(UserError, match=r"not a regular file|no such file|no train-"):
            read(path)
    path.unlink()
    if most is not None:
        with path.open("wb") as file:
            file.truncate(most + 1)  # sparse: it takes no room
        with pytest.raises(UserError, match=f"{path.name}: .*({most + 1:,} bytes|not what was written)") as error:
            read(path)
        assert "\n" not in str(error.value)


def test_a_note_that_is_too_large_is_moved_aside(tmp_path):
    with (tmp_path / "environment.json").open("wb") as file:
        file.truncate(MAX_JSON_BYTES + 1)
    write_environment(tmp_path)
    assert (tmp_path / "environment.json.damaged").stat().st_size == MAX_JSON_BYTES + 1
    assert read_json(tmp_path / "environment.json", "")[0]["cpu_count"] == os.cpu_count()
