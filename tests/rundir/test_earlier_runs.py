"""Runs made by earlier versions of jgan: they open, and go on as they would have."""

import shutil

import pytest
from golden_numbers import GOLDEN
from runs import run

from jgan import config as configs
from jgan.config import Config
from jgan.reports.record import Record, read_record, write_record
from jgan.rundir.files import read_lines
from jgan.rundir.renames import NEW_NAMES

# A vanilla GAN on digits at step 20 of 40, made by the commit in its environment.json; `metrics_to_40.jsonl` is what
# that commit computed to the end.
EARLIER = GOLDEN / "earlier_run"


def test_a_run_goes_on_as_the_code_that_made_it_would_have(tmp_path):
    workdir = tmp_path / "run"
    shutil.copytree(EARLIER, workdir, ignore=shutil.ignore_patterns("metrics_to_40.jsonl"))
    code, _, err = run("jgan.main", "--workdir", workdir, XLA_FLAGS="")
    assert code == 0, err
    expected, found = read_lines(EARLIER / "metrics_to_40.jsonl"), read_lines(workdir / "metrics.jsonl")
    assert found[:4] == expected[:4]
    for line, like in zip(found, expected, strict=True):
        # Bit for bit on a processor with the same instructions; others round sums of at most 64 terms differently, by
        # about 64 * 2**-24 a layer, over 20 steps.
        assert line == pytest.approx(like, rel=1e-3, abs=1e-5)
    assert '"jgan.engine.optim.AdamConfig"' in (workdir / "config.json").read_text()


def test_every_old_name_leads_to_a_dataclass_of_today():
    for new in NEW_NAMES.values():
        assert configs.from_data({"type": new}) is not None


def test_a_sweep_of_earlier_runs_is_not_one_of_another_config(tmp_path):
    saved = (EARLIER / "config.json").read_text()
    assert "jgan.optim.AdamConfig" in saved
    config = configs.load(EARLIER)
    assert isinstance(config, Config)
    assert not configs.differences(configs.read_saved(EARLIER / "config.json"), config, done=20)
    old = configs.json.loads(saved)
    write_record(tmp_path, Record("dcgan.py", [], [], 1, old, []))
    record = read_record(tmp_path)
    assert record is not None
    assert record.base == configs.to_data(config)
