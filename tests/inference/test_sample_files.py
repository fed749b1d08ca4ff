"""Many images to files: written as they come, gone on with, and never mixed with those that were sampled otherwise."""

import json

import pytest
import runs

from jgan.inference.sampling import Sampler
from jgan.rundir.lock import writing_alone

NUM = 11


def sample(workdir, out, *arguments, code=0):
    made = ("jgan.sample", "--workdir", workdir, "--out", out, "--num", NUM, "--batch_size", "4", *arguments)
    ended, stdout, err = runs.call(*made)
    assert ended == code, err
    return stdout + err


def contents(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir()}


@pytest.mark.slow
def test_sampling_goes_on_where_it_was_stopped(workdir, tmp_path, monkeypatch, capsys):
    sample(workdir, tmp_path / "whole")
    whole = contents(tmp_path / "whole")
    assert len(whole) == NUM + 2
    batches, made = Sampler.__call__, []

    def stopped_after(count):
        def call(*arguments):
            for number, batch in enumerate(batches(*arguments)):
                if number == count:
                    raise KeyboardInterrupt
                made.append(len(batch[0]))
                yield batch

        return call

    out = tmp_path / "pieces"
    for count, there in ((1, 4), (1, 8)):
        with monkeypatch.context() as patch:
            patch.setattr(Sampler, "__call__", stopped_after(count))
            with pytest.raises(KeyboardInterrupt):
                sample(workdir, out)
        assert sorted(contents(out)) == [*(f"{index:05d}.png" for index in range(there)), "sampled.json"]
    (out / "00007.png").write_bytes(whole["00007.png"][:-20])  # cut off by a power cut
    sample(workdir, out)
    assert contents(out) == whole
    with monkeypatch.context() as patch:
        patch.setattr(Sampler, "__call__", stopped_after(0))
        sample(workdir, out)
    assert made == [4, 4], "what is there is not made again"


@pytest.mark.slow
def test_other_images_are_replaced_only_where_that_is_said(workdir, tmp_path):
    out = tmp_path / "out"
    sample(workdir, out)
    first = contents(out)
    for other in (["--seed", "1"], ["--labels", "3"], ["--truncation", "0.5"], ["--raw"]):
        assert "holds 00000.png sampled otherwise" in sample(workdir, out, *other, code=2)
    assert contents(out) == first
    code, _, err = runs.call("jgan.sample", "--workdir", workdir, "--out", out, "--num", "3")
    assert (code, "sampled otherwise" in err) == (2, True)
    sample(workdir, out, "--seed", "1", "--overwrite")
    second = contents(out)
    assert sorted(second) == sorted(first)
    assert second["00000.png"] != first["00000.png"]
    assert json.loads(second["sampled.json"])["seed"] == 1
    with writing_alone(out):
        assert "out: another process writes there" in sample(workdir, out, "--seed", "1", code=2)
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "2024.png").write_bytes(b"a photo of the user's")
    for flags in ([], ["--overwrite"]):
        assert "holds 2024.png" in sample(workdir, photos, *flags, code=2)
    assert contents(photos) == {"2024.png": b"a photo of the user's"}
    for name in ("00000.png", "grid.png", "sub/a.jpg"):
        (tmp_path / "mine" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mine" / name).write_bytes(b"another photo")
        for flags in ([], ["--overwrite"]) if name != "00000.png" else ([],):
            sample(workdir, tmp_path / "mine", *flags, code=2)
    assert {path.read_bytes() for path in (tmp_path / "mine").rglob("*.*")} == {b"another photo"}
