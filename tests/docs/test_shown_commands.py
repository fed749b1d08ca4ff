"""Every command that the documents, the configs and the helps show is one that would be taken today."""

import re

import pytest
from checking import Checker
from docs_commands import plans_of
from docs_data import furnish
from docs_plans import Planner
from documents import PAGES, ROOT, SOURCES, Line, page_commands, source_commands

from jgan.types import UserError


@pytest.mark.parametrize("document", [*PAGES, *SOURCES], ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_are_taken(document, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    checker, problems = Checker(document, tmp_path, monkeypatch), []
    for line in page_commands(document) if document.suffix == ".md" else source_commands(document):
        try:
            checker.check(line)
        except (UserError, SystemExit, KeyError) as error:
            problems.append(f"{line}\n    {type(error).__name__}: {error}")
    assert not problems, "\n".join(["commands that would fail:", *problems])


@pytest.mark.parametrize(
    "command",
    [
        "jgan trian --config dcgan",
        "jgan train --config dcgann --workdir runs/x",
        "jgan train --config dcgan --workdir runs/x --config.data.sauce=folder:photos",
        "jgan train --config dcgan --workdir runs/x --config.data.source=foldr:photos",
        "jgan train --config dcgan --workdir runs/x '--config.game.adversarial=hnge'",
        "jgan sample --workdir runs/x --number 3",
        "jgan evaluate --workdir runs/x --metrics fidd",
        "jgan compare --images a --reference b --metrics psnrr",
        "jgan data inspekt --source folder:photos",
        "jgan sweep --config dcgan --workdir x --seeds 1 --grid game.gamma=1",
        "python -m jgan.sampel --workdir x",
        "python benchmarks/no_such_script.py",
        "python launch/local.py -n 2 -- --config no_such_config --workdir runs/x",
        "make quikstart",
        "make quickstart WORKDIRS=x",
        "pip install .[metrix]",
        "curl somewhere",
    ],
)
def test_a_wrong_command_is_found(command, tmp_path, monkeypatch):
    import shlex

    monkeypatch.chdir(ROOT)
    line = Line(ROOT / "README.md", 1, tuple(shlex.split(command)))
    with pytest.raises((UserError, SystemExit, ModuleNotFoundError)):
        Checker(line.document, tmp_path, monkeypatch).check(line)


def test_docs_commands_trains_nothing_for_long():
    plans = [plan for page in PAGES for plan in plans_of(page)]
    assert {plan.how for plan in plans} == {"whole", "shortened", "dry run", "help", "interrupted"}
    trained = [" ".join(plan.words) for plan in plans if {"train", "sweep", "quickstart"} & set(plan.words)]
    steps = [re.findall(r"(?:stages\[\d\]\.|--)steps[= ](\d+)", words) for words in trained]
    for words, numbers in zip(trained, steps, strict=True):
        assert any(flag in words for flag in ("--dry_run", "--jobs")) or 0 < sum(map(int, numbers)) <= 10, words


def test_a_page_names_what_it_lacks(tmp_path):
    line = Line(PAGES[0], 1, ("jgan", "sample", "--workdir", "runs/quickstart"))
    planner = Planner()
    assert [plan.words[1] for plan in planner.plan(line)] == ["train", "sample"]  # of another page's run
    assert len(planner.plan(line)) == 1
    furnish(tmp_path, "jgan translate --mask=mask.png --captions captions.txt --input photo.png.zip --out out/photos")
    assert {path.name for path in tmp_path.iterdir()} == {"mask.png", "captions.txt"}
