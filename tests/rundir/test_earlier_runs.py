"""Runs made by earlier versions of jgan: they open, and go on as they would have."""

import json
import shutil

import jax.numpy as jnp
import numpy as np
import pytest
from golden_numbers import GOLDEN
from runs import CONDITIONAL, call, run

import jgan
from jgan import config as configs
from jgan.config import Config
from jgan.evaluation.images import Chosen, open_images
from jgan.reports.record import Record, read_record, write_record
from jgan.rundir.atomic_files import read_lines
from jgan.rundir.pictures import to_uint8
from jgan.rundir.renames import NEW_NAMES
from jgan.types import UserError

# A vanilla GAN on digits at step 20 of 40, made by the commit in its environment.json; `metrics_to_40.jsonl` is what
# that commit computed to the end.
EARLIER = GOLDEN / "earlier_run"


@pytest.mark.slow
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


CONFIG_OF_FOLDERS = CONDITIONAL.replace("num_classes=10", "num_classes=12").replace(
    "steps=12, batch_size=8, resolution=8),),", "steps=4, batch_size=8, resolution=8),), checkpoint_every=2,"
)


def record_of(workdir, step):
    """The file of a checkpoint's record."""
    return workdir / "checkpoints" / str(step) / "record" / "metadata"


@pytest.mark.slow
def test_a_run_of_numbered_folders_keeps_its_numbers(tmp_path):
    """Its record says no names, as those of earlier versions, which numbered them in the order of text."""
    for number in range(12):
        for image in range(2):
            path = tmp_path / "set" / str(number) / f"{image}.pgm"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"P5 8 8 255\n" + bytes([20 * number + image]) * 64)
    (tmp_path / "tiny.py").write_text(CONFIG_OF_FOLDERS)
    workdir, source = tmp_path / "run", f"--config.data.source=folder:{tmp_path}/set"
    code, _, err = call("jgan.main", "--config", tmp_path / "tiny.py", "--workdir", workdir, source)
    assert code == 0, err
    shutil.rmtree(workdir / "checkpoints" / "4")
    (workdir / "checkpoints" / "2" / "sha256.json").unlink()
    record = json.loads(record_of(workdir, 2).read_text())
    assert record.pop("classes") == {"names": [str(number) for number in range(12)], "earlier": False}
    record["data"] = "4266125dda4b0c8f28f829f3c5cb33c0"  # of these files, by the last version that went by their sizes
    record_of(workdir, 2).write_text(json.dumps(record))
    in_order_of_text = sorted(str(number) for number in range(12))
    images = open_images(Chosen(workdir, num_samples=8))
    assert list(images.source.class_names) == in_order_of_text
    check_class(jgan.open(workdir), "2", place=2)  # nobody knows their names yet
    with pytest.raises(UserError, match=r"labels=cat: expected numbers"):
        jgan.open(workdir).sample(3, labels=["cat"])
    code, _, err = call("jgan.main", "--workdir", workdir)
    assert code == 0, err
    record = json.loads(record_of(workdir, 4).read_text())
    assert record["classes"] == {"names": in_order_of_text, "earlier": True}
    run = jgan.open(workdir)
    assert run.class_names == tuple(in_order_of_text)
    check_class(run, "10", place=2)


def check_class(run, name, place):
    """That a name stands for the class at that place of the networks."""
    expected = to_uint8(np.asarray(run.generator(run.latents(1), jnp.array([place]))))
    np.testing.assert_array_equal(run.sample(1, labels=[name]), expected)


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
    assert not configs.differences(record.base, config, done=20)
    assert record.base["generator_optimizer"] == configs.to_data(config)["generator_optimizer"]
