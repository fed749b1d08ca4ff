"""The bar of a run: what it says of the time, on a terminal and in a file."""

import io
import threading

import pytest

from jgan.engine.compiling import StoppedError, compile_apart
from jgan.rundir import progress
from jgan.rundir.progress import Progress
from jgan.terminal import bars


@pytest.fixture
def clock(monkeypatch):
    """Seconds that the test sets, in place of those that pass."""

    class Clock:
        now = 0.0

    monkeypatch.setattr(progress.time, "perf_counter", lambda: Clock.now)
    return Clock


def test_the_time_left_and_the_forecast_leave_out_what_is_no_step(clock, monkeypatch):
    stderr = io.StringIO()
    monkeypatch.setattr(bars.sys, "stderr", stderr)
    shown = Progress(1500, 0, visible=True)
    assert shown.forecast(1500) is None
    for step in range(1, 101):
        if step in (1, 40):  # compiled before them
            with shown.doing("compiling"):
                clock.now += 600.0
        clock.now += 0.31
        shown.show(step, 8, {"generator/loss": 1.0})
    assert shown.seconds_per_step == pytest.approx(0.31)
    assert shown.forecast(1400) == "a step takes 0.31 s; about 7.2 minutes for the 1400 steps"
    assert shown.timings()["time/images_per_second"] == pytest.approx(8 / 0.31)
    shown.close()
    assert "7 min 14 s left, 26 images/s, loss: generator 1.000" in stderr.getvalue().splitlines()[-1]
    shown.begin_stage()
    assert shown.seconds_per_step is None


def test_a_bar_in_a_file_is_few_whole_lines(monkeypatch):
    stderr = io.StringIO()
    monkeypatch.setattr(bars.sys, "stderr", stderr)
    with bars.bar(total=1000, desc="checking") as bar, bars.bar(total=1000, leave=False) as below:
        for _ in range(1000):
            bar.update()
            below.update()
    lines = stderr.getvalue().splitlines()
    assert [line.split("%")[0].split()[-1] for line in lines] == ["0", "0", "100"]
    assert not set("\r\x1b") & set(stderr.getvalue())


@pytest.mark.parametrize(("seconds", "text"), [(41.2, "41 seconds"), (545.0, "9.1 minutes"), (90000.0, "25 hours")])
def test_estimates_have_two_digits(seconds, text):
    assert bars.about(seconds) == text


def test_compilation_is_left_when_told_to_and_its_errors_are_raised():
    begun, may_end = threading.Event(), threading.Event()

    def endless():
        begun.set()
        may_end.wait()
        raise ValueError("nobody waits for it")

    with pytest.raises(StoppedError):
        compile_apart(endless, begun.is_set)
    may_end.set()

    def broken():
        raise ValueError("a shape is wrong")

    with pytest.raises(ValueError, match="a shape is wrong"):
        compile_apart(broken, lambda: False)
