"""docs/python.md: its blocks run, in order."""

import jax
import pytest
from conftest import use_devices
from documents import ROOT, blocks
from PIL import Image
from shared_programs import share_programs

PAGE = ROOT / "docs/python.md"


@pytest.mark.slow
def test_the_blocks_of_the_page_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    use_devices(monkeypatch, 1)
    share_programs(monkeypatch)
    names = {}
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (64, 64)).save(tmp_path / "photos" / "1.png")
    shown = [block for block in blocks(PAGE) if block.language == "python"]
    assert shown
    for block in shown:
        try:
            with jax.numpy_rank_promotion("allow"):  # as outside of these tests
                exec(compile("\n" * (block.number - 1) + block.text, str(PAGE), "exec"), names)
        except Exception as error:
            pytest.fail(f"{PAGE.name}, the block at line {block.number}: {type(error).__name__}: {error}")
    assert names["images"].shape == (2, 32, 32, 1)
    assert names["large"].shape == (4, 64, 64, 1)
