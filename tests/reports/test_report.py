"""python -m jgan.report: what it shows of runs, whole and damaged, and that nothing of theirs becomes code."""

import base64
import csv
import dataclasses
import html.parser
import io
import json
import os
import statistics

import numpy as np
import pytest
from PIL import Image
from run_directories import make_config, make_run, write_lines

from jgan.config import save
from jgan.metrics.comparison import better_way
from jgan.report import main
from jgan.reports.groups import Standing, collect, curve, notes, ranked_scores, standing
from jgan.reports.record import Record, SweepRun, read_record, write_record
from jgan.reports.runs import read_run
from jgan.reports.tables import score_tables, to_csv, to_markdown, to_screen
from jgan.rundir.atomic_files import read_lines
from jgan.rundir.pictures import save_png
from jgan.types import UserError

pytestmark = pytest.mark.usefixtures("few_plots")

FD, RECALL = "averaged/fd_efficientnet_lite0", "averaged/pr_inception_recall"


class Page(html.parser.HTMLParser):
    """Elements with their attributes, and the text."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def attributes(self, name):
        return [attributes[name] for _, attributes in self.elements if name in attributes]


def report(*workdirs, out):
    assert main(["--workdir", *map(str, workdirs), "--out", str(out)]) == 0
    return Page(out.read_text())


def make_sweep(directory, finals):
    """Points "game.r1_gamma" to final FDs, one of each seed; the best is 1 lower, at step 20."""
    runs = []
    for gamma, values in finals.items():
        for seed, value in enumerate(values):
            config = make_config(seed=seed)
            config = dataclasses.replace(config, game=dataclasses.replace(config.game, r1_gamma=gamma))
            scores = [(10, {FD: 90.0}), (20, {FD: value - 1}), (40, {FD: value})]
            name = f"r1_gamma={gamma},seed={seed}"
            make_run(directory / name, config, scores=scores, losses=(1.0 + seed, 2.0))
            runs.append(SweepRun(name, {"game.r1_gamma": gamma}, seed))
    write_record(directory, Record("tiny.py", [], [], 2, {}, runs))
    return directory


def test_a_page_needs_nothing_else(tmp_path, capsys):
    a = make_run(tmp_path / "a", scores=[(20, {FD: 8.25, "trained/is": 2.0}), (40, {FD: 9.5, "averaged/kid_std": 1.0})])
    b = make_run(tmp_path / "b", make_config(seed=7), step=20)
    page = report(a, b, out=tmp_path / "page.html")
    assert capsys.readouterr().out.startswith(f"{tmp_path}/page.html: ")

    assert "2 runs: 1 finished, 1 unfinished" in page.text
    for text in (
        "20 of 40",
        "9.5",
        "8.25",
        "lower is better",
        "abc123",
        "starting at step 0 of 40",
        "averaged/kid_std",
    ):
        assert text in page.text
    assert "seed07" in page.text  # the one difference: a row of three cells
    assert "generator_optimizer.learning_rate" not in page.text  # no difference
    sources = page.attributes("src") + page.attributes("srcset")
    assert all(source.startswith("data:image/") for source in sources)
    assert not page.attributes("href")
    assert {tag for tag, _ in page.elements} & {"script", "link", "iframe", "object"} == set()
    sizes = [Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))).size for source in sources]
    # FD, IS, loss and grad_norm, each light and dark, and two grids.
    assert len(sizes) == 4 * 2 + 2
    assert sizes.count((30, 20)) == 2
    assert ("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}) in page.elements


def test_text_of_a_run_is_never_markup(tmp_path):
    attack = "</td></style><script>alert(1)</script><img src=x onerror='alert(2)'>\"'\u202e\x1b[2J\ud800$\\frac"
    run = make_run(
        tmp_path / attack.replace("/", "").replace("\ud800", ""), scores=[(40, {FD: 1.0, f"averaged/{attack}": 2})]
    )
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps(config | {attack: attack}))
    write_lines(run / "metrics.jsonl", [{"step": 1, "images_seen": 8, f"{attack}/loss": 1.0, f"a/{attack}": 1.0}])
    write_lines(run / "events.jsonl", [{"step": 1, "time": attack, "event": attack}])
    (run / "environment.json").write_text(json.dumps([{attack: attack, "git_commit": attack}]))
    (run / "eval").mkdir()
    result = {
        "scores": {attack: 1.0},
        "images": {"count": attack, "source": attack, "step": [attack]},
        "reference": {"source": attack},
        "extractors": {attack: {"dtype": attack}},
        "warnings": [attack, {attack: 1}],
    }
    (run / "eval" / "eval.json").write_text(json.dumps(result))
    scores = {FD: 1.0, f"averaged/{attack}": 2}
    write_lines(run / "evaluations.jsonl", [scored(20, scores, {attack: 1}), scored(40, scores, {attack: attack})])
    other = make_run(tmp_path / "other")
    page = report(run, other, out=tmp_path / "page.html")
    assert {tag for tag, _ in page.elements} <= {
        *("html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "div", "span", "ul", "li", "figure"),
        *("table", "thead", "tbody", "tr", "th", "td", "details", "summary", "picture", "source", "img"),
        "figcaption",
    }
    names = {name for _, attributes in page.elements for name in attributes}
    assert names <= {
        "lang",
        "charset",
        "http-equiv",
        "content",
        "name",
        "class",
        "style",
        "src",
        "srcset",
        "media",
        "alt",
    }
    assert all(source.startswith("data:") for source in page.attributes("src") + page.attributes("srcset"))
    assert page.text.count("<script>alert(1)</script>") > 5
    assert not set("\u202e\x1b\ud800") & set(page.text)


def test_what_is_damaged_or_missing_is_said(tmp_path):
    runs = {name: make_run(tmp_path / name) for name in ("config", "metrics", "number", "picture", "list", "bare")}
    (runs["config"] / "config.json").write_text("{")
    (runs["metrics"] / "metrics.jsonl").write_text('{"step": 1}\nnonsense\n{"step": 3}\n')
    write_lines(runs["number"] / "metrics.jsonl", [{"step": 1, "images_seen": 8, "generator/loss": "low"}])
    write_lines(runs["number"] / "evaluations.jsonl", [{"step": 1, FD: 1.0}])
    picture = runs["picture"] / "samples" / "samples_00000040.png"
    picture.write_bytes(picture.read_bytes()[:60])
    (runs["list"] / "environment.json").write_text("3")
    for path in runs["bare"].iterdir():
        if path.is_file() and path.name != "config.json":
            path.unlink()
    (runs["bare"] / "samples" / "samples_00000040.png").unlink()
    page = report(*runs.values(), out=tmp_path / "page.html")
    for message in (
        "6 runs: 1 damaged, 5 finished",
        f"{runs['config']}/config.json: not valid JSON",
        f"{runs['metrics']}/metrics.jsonl: line 2 is not what was written",
        f"{runs['number']}/metrics.jsonl: generator/loss='low' is not a number",
        f"{runs['number']}/evaluations.jsonl: step 1 has no images_seen",
        f"{picture}: cannot be read as a picture",
        f"{runs['list']}/environment.json: expected a list of starts",
        "no samples",
        "No finished run has scores from training",
    ):
        assert message in page.text, message


def test_a_run_that_would_stop_the_report_is_named_beside_the_others(tmp_path):
    """Sizes that end the process in XLA, numbers that no float holds, parts of configs where numbers belong."""
    runs = {name: make_run(tmp_path / name) for name in ("whole", "size", "digits", "part", "steps", "scores")}
    text = (runs["size"] / "config.json").read_text()
    (runs["size"] / "config.json").write_text(text.replace('"resolution": 8', f'"resolution": {2**62}'))
    (runs["digits"] / "config.json").write_text(text.replace('"seed": 0', f'"seed": {"7" * 5000}'))
    part = json.dumps(json.loads(text)["data"])
    (runs["part"] / "config.json").write_text(text.replace('"batch_size": 8', f'"batch_size": {part}'))
    lines = [{"step": step, "images_seen": 8} for step in (True, -1, 2**70, 1.5, None, "1", [1])]
    write_lines(runs["scores"] / "evaluations.jsonl", [{"step": 1, "images_seen": 2**64}, {"step": 2}])
    (runs["steps"] / "checkpoints" / "\u00b2").mkdir()
    for line in lines:
        write_lines(runs["steps"] / "metrics.jsonl", [line, {"step": 3, "images_seen": 1}])
        with pytest.raises(UserError, match="line 1 is not what was written"):
            read_lines(runs["steps"] / "metrics.jsonl")
    page = report(*runs.values(), out=tmp_path / "page.html")
    for message in (
        "6 runs: 3 finished, 3 damaged",
        f"{runs['size']}/config.json: game.generator.resolution={2**62}: expected 8192 at most",
        f"{runs['digits']}/config.json: not valid JSON (a number of 5000 digits",
        f"{runs['part']}/config.json: stages[0].batch_size=DataConfig: expected int, got DataConfig",
        f"{runs['steps']}/metrics.jsonl: line 1 is not what was written (step=[1]: expected a whole number from 0 to",
        f"{runs['scores']}/evaluations.jsonl: line 1 is not what was written (images_seen={2**64}: expected",
    ):
        assert message in page.text, message


def test_groups_have_means_and_sample_deviations(tmp_path):
    sweep = make_sweep(tmp_path / "x", {0.0: [4.0, 7.0, 9.0], 1.0: [5.0]})
    write_record(
        sweep,
        Record(
            "tiny.py",
            [],
            [],
            3,
            {},
            [*read_record(sweep).runs, SweepRun("r1_gamma=1.0,seed=1", {"game.r1_gamma": 1.0}, 1)],
        ),
    )
    first, second = collect([sweep])
    result = standing(first, FD)
    assert result.final == (pytest.approx(20 / 3), pytest.approx(statistics.stdev([4, 7, 9])), 3)
    assert result.best == (pytest.approx(17 / 3), pytest.approx(statistics.stdev([4, 7, 9])), 3)
    assert result.best_steps == [20, 20, 20]
    assert standing(second, FD).final == (5.0, None, 1)
    assert [run.status for run in second.runs] == ["finished", "not started"]
    line = curve(first, "generator/loss")
    np.testing.assert_allclose(line.x, [80, 160])
    np.testing.assert_allclose(line.mean, [2.0, 2.0])
    np.testing.assert_allclose(line.spread, [1.0, 0.0])
    page = report(sweep, out=sweep / "report.html")
    assert "6.667 ± 2.5" in page.text
    assert "1  r1_gamma=0.0" in page.text
    assert "5 runs: 4 finished, 1 not started" in page.text
    infinite = scored(20, {FD: "inf"})  # as the PSNR of a run whose images all equal their targets
    (sweep / "r1_gamma=0.0,seed=2" / "evaluations.jsonl").write_text(json.dumps(infinite) + "\n")
    assert "5.5 ± 2.1 (only 2 finite)" in report(sweep, out=sweep / "report.html").text
    (sweep / "r1_gamma=0.0,seed=2" / "evaluations.jsonl").unlink()
    assert "5.5 ± 2.1 (only 2 evaluated)" in report(sweep, out=sweep / "report.html").text


def scored(step, scores, settings=None):
    """A line of evaluations.jsonl."""
    return {"step": step, "images_seen": 8 * step, **scores} | ({} if settings is None else {"settings": settings})


def settings_of(count, dtype="float32"):
    networks = {"efficientnet_lite0": {"dtype": dtype, "weights_sha256": "ab" * 32}}
    return {"num_samples": count, "seed": 0, "extractors": networks}


def test_lines_of_a_run_count_with_the_settings_of_the_last(tmp_path):
    lines = [
        scored(10, {FD: 1.0, RECALL: 0.5}),
        scored(20, {FD: 2.0}, settings_of(500)),
        scored(30, {FD: 8.0}, settings_of(512)),
        scored(40, {FD: 9.0}, settings_of(512)),
    ]
    run = make_run(tmp_path / "a")
    write_lines(run / "evaluations.jsonl", lines)
    (group,) = collect([run])
    assert standing(group, FD) == Standing(1, (9.0, None, 1), (8.0, None, 1), [30])
    assert ranked_scores([group]) == [FD]
    np.testing.assert_allclose(curve(group, FD).x, [240, 320])
    assert group.runs[0].evaluations[1].settings["extractors.efficientnet_lite0.dtype"] == "float32"
    (note,) = notes([group])
    assert note.endswith("2 of 4 evaluations do not count: num_samples was not recorded, and is 512 at the last one.")
    page = report(run, out=tmp_path / "page.html")
    assert page.text.count(note) == 2  # at the table and at the curves
    write_lines(run / "evaluations.jsonl", [scored(40, {FD: 9.0}, 3)])
    assert "settings=3 is not an object" in report(run, out=tmp_path / "page.html").text


def test_runs_that_were_measured_differently_have_no_mean(tmp_path):
    sweep = make_sweep(tmp_path / "x", {0.0: [4.0, 6.0], 1.0: [5.0, 8.0]})
    alike = settings_of(500)
    for name, settings in (
        ("r1_gamma=0.0,seed=0", alike),
        ("r1_gamma=0.0,seed=1", settings_of(500, "bfloat16")),
        ("r1_gamma=1.0,seed=0", alike),
        ("r1_gamma=1.0,seed=1", dict(reversed(alike.items()))),
    ):
        lines = [json.loads(line) for line in (sweep / name / "evaluations.jsonl").read_text().splitlines()]
        write_lines(sweep / name / "evaluations.jsonl", [line | {"settings": settings} for line in lines])
    groups = collect([sweep])
    first, second = groups
    assert standing(first, FD) == Standing(2, None, None, [])
    assert curve(first, FD) is None
    assert curve(first, "generator/loss") is not None
    assert standing(second, FD).final == (6.5, pytest.approx(statistics.stdev([5, 8])), 2)
    networks = "extractors.efficientnet_lite0.dtype is float32 in r1_gamma=0.0,seed=0, bfloat16 in r1_gamma=0.0,seed=1"
    note = f"1  r1_gamma=0.0: measured differently, so it has no mean: {networks}."
    assert notes(groups) == [note]
    (table,) = score_tables(groups)
    assert table.rows[0] == ["1  r1_gamma=0.0", "measured differently", "measured differently", "-", "2 of 2", "12 s"]
    for text in (to_markdown([table]), to_screen(table), report(sweep, out=tmp_path / "page.html").text):
        assert note in text
        assert "5 ± 1.4" not in text
    rows = list(csv.DictReader(to_csv(groups).splitlines()))
    assert [(row["final_mean"], row["best_mean"], row["measured_differently"]) for row in rows] == [
        ("", "", networks),
        ("6.5", "5.5", ""),
    ]


def test_groups_that_were_measured_differently_are_said_not_to_compare(tmp_path):
    runs = [make_run(tmp_path / n, scores=[(40, {FD: 3.0})], settings=settings_of(int(n))) for n in ("500", "512")]
    page = report(*runs, out=tmp_path / "page.html")
    assert (
        f"Not all rows compare, since they were measured differently: num_samples is 500 in {runs[0]}, 512" in page.text
    )
    assert "measured differently" not in to_markdown(score_tables(collect(runs[:1])))


def test_results_of_evaluate_stand_with_what_they_depend_on(tmp_path):
    def result(count, score, warnings=(), **images):
        made = {"step": 40, "checkpoint": "newest", "weights": "averaged", "truncation": None, "count": count} | images
        return {
            "scores": {"fd_inception": score},
            "images": made,
            "reference": {"source": "mnist5k", "count": 5000},
            "extractors": {"inception": {"dtype": "float32", "weights_sha256": "0123456789abcdef"}},
            "seed": 3,
            "warnings": list(warnings),
        }

    run = make_run(tmp_path / "a")
    (run / "eval").mkdir()
    for name, age, content in (
        ("eval-1.json", 30, result(100, "inf", ["100 images against 5000 real ones"])),
        ("eval-2.json", 10, result(50000, 6.0, truncation=0.5, checkpoint="best", weights="trained", step=20)),
        ("eval.json", 60, result(5000, 5.0)),  # the newest one whatever its date
        ("eval-3.json", 20, 3),
    ):
        path = run / "eval" / name
        path.write_text(json.dumps(content))
        os.utime(path, (1e9 - age, 1e9 - age))
    page = report(run, make_run(tmp_path / "b"), out=tmp_path / "page.html")
    section = page.text.partition("Measured after training")[2].partition("Environment")[0]
    for row in (
        ("file", "eval.json", "eval-2.json", "eval-1.json"),
        ("images", "5000", "50000", "100"),
        ("step", "40", "20", "40"),
        ("checkpoint", "newest", "best", "newest"),
        ("weights", "averaged", "trained", "averaged"),
        ("truncation", "none", "0.5", "none"),
        ("reference", *["5000 of mnist5k"] * 3),
        ("extractor", *["inception, float32, weights 01234567"] * 3),
        ("seed", "3", "3", "3"),
        ("fd_inception", "5", "6", "inf"),
    ):
        assert "".join(row) in section
    assert "1, eval-1.json: 100 images against 5000 real ones" in section
    assert f"{run}/eval/eval-3.json: expected the scores of jgan evaluate" in page.text


def test_scores_rank_runs_by_their_own_way(tmp_path):
    for name in ("pr_inception_precision", "pr_efficientnet_lite0_coverage", "is"):
        assert better_way(name) == "higher"
    for name in ("fid", "fd_infinity_inception", "intra_fd_inception", "kd_efficientnet_lite0", "swd"):
        assert better_way(name) == "lower"
    for name in ("is_std", "kd_inception_subset_size", "intra_fd_inception_classes", "ms_ssim", "isle", "fdx"):
        assert better_way(name) is None
    scores = [(10, {RECALL: 0.2, FD: float("nan")}), (20, {RECALL: 0.6, FD: 3.0}), (40, {RECALL: 0.1, FD: 3.0})]
    groups = collect([make_run(tmp_path / "a", scores=scores)])
    assert ranked_scores(groups) == [RECALL, FD]  # the first one measured chooses
    assert standing(groups[0], RECALL).best == (0.6, None, 1)
    assert standing(groups[0], FD).best_steps == [20]  # the first of equal ones


def test_time_adds_up_over_starts(tmp_path):
    run = make_run(tmp_path / "a")
    events = [(0, "starting at step 0 of 40"), (20, "resuming at step 20 of 40"), (10, "resuming at step 10 of 40")]
    write_lines(run / "events.jsonl", [{"step": step, "event": text} for step, text in events])
    # Killed after 10, 20 and 15 steps' worth of logs; the second start's lines were undone by the third.
    seconds = [(5, 3.0), (10, 7.0), (15, 8.0), (40, 30.0)]
    write_lines(run / "timings.jsonl", [{"step": step, "time/seconds": value} for step, value in seconds])
    assert read_run(run, "a").seconds == 7.0 + 30.0


def test_large_grids_are_made_smaller(tmp_path):
    run = make_run(tmp_path / "a")
    save_png(run / "samples" / "samples_00000100.png", np.zeros((640, 1280, 1), np.uint8))
    page = report(run, out=tmp_path / "page.html")
    last, _ = page.attributes("src")[-2:]  # and the moving picture
    assert Image.open(io.BytesIO(base64.b64decode(last.partition(",")[2]))).size == (640, 320)
    assert ", step 100" in page.text


def test_errors(tmp_path):
    run = make_run(tmp_path / "a")
    (tmp_path / "empty").mkdir()
    save(make_config(), tmp_path / "b.json")
    for arguments, message in (
        ((run, tmp_path / "empty"), f"--workdir={tmp_path}/empty: neither a run"),
        ((tmp_path / "none",), f"--workdir={tmp_path}/none: neither a run"),
        ((run, tmp_path / "empty" / ".." / "a"), "given twice"),
        ((run, "--out", tmp_path / "empty"), "expected the name of a file"),
    ):
        with pytest.raises(UserError, match=message):
            main(["--workdir", *map(str, arguments)])
    sweep = make_sweep(tmp_path / "x", {1.0: [5.0]})
    record = json.loads((sweep / "sweep.json").read_text())
    names = [
        json.dumps(record | {"runs": [{"name": name, "values": {}, "seed": 0}]}) for name in ("../a", "..", ".", "")
    ]
    for content in ("[]", "{", *names):
        (sweep / "sweep.json").write_text(content)
        with pytest.raises(UserError, match=r"sweep.json: .*mend it, or move it away"):
            main(["--workdir", str(sweep)])
