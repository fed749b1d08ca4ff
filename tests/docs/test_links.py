"""Links between the documents lead to files and headings that are there, and so do the paths that they name."""

import os
import re
import subprocess
import sys

import pytest
from documents import PAGES, ROOT

FOLDERS = ("benchmarks", "configs", "docs", "jgan", "launch", "tests")
by_page = pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))


def anchors(page):
    """What the headings are called in a link, as code hosts call them."""
    headings = re.findall(r"^#+ (.*)", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@by_page
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        path, _, anchor = link.partition("#")
        if "://" in path:
            continue
        target = (page.parent / path) if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@by_page
def test_paths_are_of_this_repository(page):
    """`jgan/layers/conv.py`, `benchmarks/`, `configs/sngan*.py`; names in capitals stand for others."""
    named = re.findall(rf"`((?:{'|'.join(FOLDERS)})/[\w./*-]*)`", page.read_text())
    gone = [name for name in named if not re.search(r"[A-Z]{3}", name) and not any(ROOT.glob(name.rstrip("/")))]
    assert not gone


def test_the_site_is_built_and_loads_nothing_from_elsewhere(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    )
    assert done.returncode == 0, done.stderr
    pages = sorted((tmp_path / "site").rglob("*.html"))
    assert len(pages) >= len(list(ROOT.glob("docs/**/*.md")))
    loaded = re.compile(
        r"<(?:script|img|iframe)[^>]* src=\"?(?:https?:)?//|<link[^>]*href=\"?(?:https?:)?//|@import|url\(http"
    )
    assert not [page.name for page in pages if loaded.search(page.read_text())]
