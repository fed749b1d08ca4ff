"""A run's grids of samples as one moving picture."""

import numpy as np
import pytest
from PIL import Image, ImageSequence

from jgan.rundir.animation import LAST_MILLISECONDS, MOST_FRAMES, write_progress
from jgan.rundir.pictures import save_png
from jgan.types import UserError

COLORS = [(200, 30, 30), (30, 160, 60), (20, 60, 220)]


def write_grids(workdir, steps, side=40):
    (workdir / "samples").mkdir(parents=True, exist_ok=True)
    for place, step in enumerate(steps):
        pixels = np.broadcast_to(np.uint8(COLORS[place % 3]), (side, side, 3))
        save_png(workdir / "samples" / f"samples_{step:08d}.png", pixels)


def read_frames(path):
    with Image.open(path) as file:
        return [(frame.convert("RGB"), frame.info["duration"]) for frame in ImageSequence.Iterator(file)]


def test_it_shows_the_grids_in_turn_in_their_colors_and_the_last_one_longer(tmp_path):
    write_grids(tmp_path, [0, 100, 1000])
    frames = read_frames(write_progress(tmp_path))
    assert [frame.getpixel((20, 50)) for frame, _ in frames] == COLORS
    assert [duration for _, duration in frames][-1] == LAST_MILLISECONDS > frames[0][1]
    captions = [np.asarray(frame)[:18] for frame, _ in frames]
    assert all((caption < 128).any() for caption in captions), "each has its step above it"


def test_long_runs_keep_their_first_and_last_grid_and_growing_ones_fill_the_frame(tmp_path):
    write_grids(tmp_path, range(0, 700, 10), side=10)
    write_grids(tmp_path, [1000], side=44)
    frames = read_frames(write_progress(tmp_path))
    assert len(frames) == MOST_FRAMES
    first, last = frames[0][0], frames[-1][0]
    assert first.size == last.size
    assert first.getpixel((22 - 19, 18 + 22)) == COLORS[0], "10 pixels four times, in the middle of 44"
    assert first.getpixel((0, 18 + 22)) == (255, 255, 255)


def test_few_grids_and_damaged_ones(tmp_path):
    assert write_progress(tmp_path) is None
    write_grids(tmp_path, [0])
    assert write_progress(tmp_path) is None
    write_grids(tmp_path, [0, 5])
    whole = write_progress(tmp_path).read_bytes()
    (tmp_path / "samples" / "samples_00000005.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"samples_00000005.png: cannot be read as a picture .*; move it away"):
        write_progress(tmp_path)
    assert (tmp_path / "samples" / "progress.gif").read_bytes() == whole
