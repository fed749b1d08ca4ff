"""python -m jgan.report --index: one page of all runs below a folder."""

import os

import pytest
from run_directories import make_run

from jgan.report import main
from jgan.types import UserError

pytestmark = pytest.mark.usefixtures("few_plots")


def test_all_runs_below_a_folder_are_on_it(tmp_path, capsys):
    make_run(tmp_path / "runs" / "a & <b>")
    damaged = make_run(tmp_path / "runs" / "deeper" / "damaged") or tmp_path / "runs" / "deeper" / "damaged"
    (damaged / "config.json").write_text("{")
    (tmp_path / "runs" / ".hidden").mkdir()
    (tmp_path / "runs" / "loop").symlink_to(tmp_path / "runs")
    assert main(["--index", str(tmp_path / "runs")]) == 0
    page = (tmp_path / "runs" / "index.html").read_text()
    assert "2 runs" in page
    assert 'href="a%20%26%20%3Cb%3E/report.html">a &amp; &lt;b&gt;</a>' in page
    assert "not valid JSON" in page
    assert "default-src &#x27;none&#x27;" in page
    assert "<script" not in page
    report = tmp_path / "runs" / "a & <b>" / "report.html"
    assert report.read_text().startswith("<!doctype html>")
    before = report.stat().st_mtime_ns
    assert main(["--index", str(tmp_path / "runs"), "--out", str(tmp_path / "elsewhere" / "all.html")]) == 0
    assert report.stat().st_mtime_ns == before
    assert 'href="../runs/deeper/damaged/report.html"' in (tmp_path / "elsewhere" / "all.html").read_text()
    newer = before / 1e9 + 5
    os.utime(tmp_path / "runs" / "a & <b>" / "config.json", (newer, newer))
    report.write_text("notes of mine")
    os.utime(report, (newer - 1, newer - 1))
    assert main(["--index", str(tmp_path / "runs")]) == 0
    assert report.read_text() == "notes of mine"
    assert "no report: " in (tmp_path / "runs" / "index.html").read_text()
    capsys.readouterr()


def test_what_cannot_be_listed_is_told(tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        main(["--index", str(tmp_path / "nowhere")])
    with pytest.raises(UserError, match=r"no run \(config.json\) is there"):
        main(["--index", str(tmp_path)])
    (tmp_path / "index.html").write_text("mine")
    with pytest.raises(UserError, match=r"index.html"):
        main(["--index", str(tmp_path)])
    assert (tmp_path / "index.html").read_text() == "mine"
