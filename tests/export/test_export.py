"""Exported files give what the run gives, tell what they are, and are there whole or not at all."""

import importlib.util
import json
import subprocess
import sys

import jax
import numpy as np
import pytest
from conftest import use_devices
from jax import export
from translation_runs import CONFIGS, critic, make_run

import jgan
from jgan.data.config import DataConfig
from jgan.export import __main__ as command
from jgan.export import exporting
from jgan.families.cyclegan import ResNetGenerator
from jgan.games.paired import PairedGAN
from jgan.types import UserError


def export_to(out, *flags):
    return command.main([f"--out={out}", *map(str, flags)])


@pytest.fixture(scope="module")
def translators(tmp_path_factory):
    """Runs between images, by kind, made when they are asked for."""
    made = {}

    def get(kind):
        with pytest.MonkeyPatch.context() as patch:
            use_devices(patch, 1)
            if kind not in made:
                made[kind] = make_run(tmp_path_factory.mktemp("runs") / kind, *CONFIGS[kind])
        return made[kind]

    return get


@pytest.fixture(autouse=True)
def one_device(monkeypatch):
    use_devices(monkeypatch, 1)


def run_onnx(path, **inputs):
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(["images"], inputs)[0]


@pytest.mark.slow  # jax2onnx alone takes 14 seconds to import
def test_onnx_gives_the_images_of_sample_for_any_batch(workdir, tmp_path, capsys):
    export_to(tmp_path / "digits.onnx", f"--workdir={workdir}", "--format=onnx", "--license=cc0-1.0")
    assert "differs from the run by" in capsys.readouterr().out
    run = jgan.open(workdir)
    for count in (1, 7):
        labels = np.arange(count, dtype=np.int32) % 10
        images = run_onnx(tmp_path / "digits.onnx", latents=run.latents(count), labels=labels)
        levels = np.rint((np.clip(images, -1, 1) + 1) * 127.5)
        assert np.abs(levels - run.sample(count)).max() <= 1  # float32 may fall on either side of a half
    import onnx

    model = onnx.load(tmp_path / "digits.onnx")
    onnx.checker.check_model(model)
    said = {entry.key: entry.value for entry in model.metadata_props}
    assert (said["license"], said["step"], json.loads(said["classes"])[9]) == ("cc0-1.0", "12", "9")
    assert [field["name"] for field in json.loads(said["inputs"])] == ["latents", "labels"]
    assert str(workdir.parent) not in json.dumps(said)


@pytest.mark.parametrize("form", [pytest.param("onnx", marks=pytest.mark.slow), "stablehlo"])
def test_super_resolution_takes_images_of_any_size(form, translators, tmp_path):
    run, out = jgan.open(translators("enlarging")), tmp_path / "new" / f"sr.{form}"
    written = run.export(out, format=form)
    assert written.path == out
    assert 0 < written.difference < 1e-4
    inputs = np.random.default_rng(1).uniform(-1, 1, (2, 9, 14, 3)).astype(np.float32)
    if form == "onnx":
        images = run_onnx(out, inputs=inputs)
    else:
        images = export.deserialize(bytearray(out.read_bytes())).call(inputs)
        assert json.loads((tmp_path / "new" / "sr.stablehlo.json").read_text())["inputs"][0]["shape"][1:3] == ["h", "w"]
    np.testing.assert_allclose(images, run.generator(inputs), atol=1e-4)


@pytest.mark.slow
def test_u_net_takes_multiples_or_one_size(translators, tmp_path):
    run = jgan.open(translators("both"))
    run.export(tmp_path / "free.onnx", direction="b_to_a", batch_size=1)
    run.export(tmp_path / "one.onnx", direction="b_to_a", size=(24, 16))
    inputs = np.random.default_rng(1).uniform(-1, 1, (1, 16, 24, 3)).astype(np.float32)
    expected = run.generator(inputs, direction="b_to_a")
    for name in ("free", "one"):
        np.testing.assert_allclose(run_onnx(tmp_path / f"{name}.onnx", inputs=inputs), expected, atol=1e-4)
    with pytest.raises(UserError, match="multiples of 8, from 8 up"):
        run.export(tmp_path / "odd.onnx", direction="b_to_a", size=(20, 16))


@pytest.mark.slow
def test_dropout_that_stays_on_becomes_a_constant_of_one_size(tmp_path):
    game = PairedGAN(ResNetGenerator(channels=2, blocks=1, norm="batch", dropout=0.5), critic(), test_as_trained=True)
    run = jgan.open(make_run(tmp_path / "run", game, DataConfig("pairs:x")))
    with pytest.raises(UserError, match="give batch_size 1"):
        run.export(tmp_path / "x.onnx")
    with pytest.raises(UserError, match="dropout stays on"):
        run.export(tmp_path / "x.onnx", batch_size=1)
    run.export(tmp_path / "x.onnx", batch_size=1, size=(32, 32))
    inputs = np.random.default_rng(1).uniform(-1, 1, (1, 32, 32, 3)).astype(np.float32)
    np.testing.assert_allclose(run_onnx(tmp_path / "x.onnx", inputs=inputs), run.generator(inputs), atol=1e-4)


def test_safetensors_hold_the_weights_to_the_last_bit(workdir, tmp_path):
    from jgan.interop.safetensors import read_safetensors

    run = jgan.open(workdir)
    export_to(tmp_path / "w.safetensors", f"--workdir={workdir}", "--format=safetensors")
    read = read_safetensors(tmp_path / "w.safetensors")
    leaves = jax.tree_util.tree_leaves_with_path(run.variables)
    assert len(read) == len(leaves)
    for path, leaf in leaves:
        name = "/".join(str(part.key) for part in path)
        assert read[name].tobytes() == np.asarray(leaf).tobytes()
    header = (tmp_path / "w.safetensors").read_bytes()[8:]
    assert b"license" not in header[: header.index(b"}")]  # none was given


def test_what_differs_is_not_written(workdir, tmp_path, monkeypatch):
    monkeypatch.setattr(
        exporting, "run_stablehlo", lambda data, inputs: np.zeros((len(inputs[0]), 8, 8, 1), np.float32)
    )
    with pytest.raises(UserError, match=r"differ from the run's by .*; nothing was written"):
        export_to(tmp_path / "new" / "x.stablehlo", f"--workdir={workdir}", "--format=stablehlo")
    assert not (tmp_path / "new").exists()


def test_files_that_are_there_stay(workdir, tmp_path):
    out = tmp_path / "x.safetensors"
    out.write_text("mine")
    flags = out, f"--workdir={workdir}", "--format=safetensors"
    with pytest.raises(UserError, match="is there already"):
        export_to(*flags)
    assert out.read_text() == "mine"
    export_to(*flags, "--overwrite")
    assert out.stat().st_size > 100
    with pytest.raises(UserError, match="is no file"):
        export_to(tmp_path, *flags[1:], "--overwrite")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--format=onnx", "--truncation=0.7"], "latents are truncated, which are an input"),
        (["--format=onnx", "--size=32"], "generates images from latents"),
        (["--format=onnx", "--size=32y4"], "expected WIDTHxHEIGHT"),
        (["--format=onnx", "--batch_size=some"], "number of images"),
        (["--format=onnx", "--batch_size=0"], "--batch_size"),
        (["--format=safetensors", "--batch_size=3"], "weights alone"),
        (["--format=safetensors", "--license="], "license"),
        (["--format=safetensors", "--step=3"], "has no checkpoint of it"),
        (["--format=tflite"], "invalid choice"),
    ],
)
def test_what_a_run_cannot_be_exported_as_is_refused(workdir, tmp_path, flags, message):
    with pytest.raises(UserError, match=message):
        export_to(tmp_path / "x", f"--workdir={workdir}", *flags)
    assert not any(tmp_path.iterdir())


@pytest.mark.slow
def test_libraries_of_onnx_are_imported_when_they_are_needed():
    code = (
        "import sys, jgan.export.__main__, jgan.api.run; print({'onnx', 'jax2onnx', 'onnxruntime'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_without_the_libraries_the_extra_is_named(workdir, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "jax2onnx" else True)
    with pytest.raises(UserError, match=r"needs jax2onnx; install it by pip install 'jgan\[onnx\]'"):
        export_to(tmp_path / "x.onnx", f"--workdir={workdir}", "--format=onnx")
