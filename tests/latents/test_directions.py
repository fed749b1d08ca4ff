"""Directions: found as published, stored and read back strictly, and moved along."""

import json
from typing import Any

import numpy as np
import pytest
from run_directories import make_config, save_run
from sklearn.decomposition import PCA
from sklearn.decomposition import IncrementalPCA as Reference
from sklearn.linear_model import LogisticRegression

import jgan
from jgan.families.biggan import biggan
from jgan.families.progan import progan
from jgan.families.stylegan2 import stylegan2
from jgan.latents import __main__ as latents_command
from jgan.latents.along import Moves, edit, holding
from jgan.latents.attributes import around_middle, attributes, change
from jgan.latents.entered_layers import first_layer, first_outputs, style_layers
from jgan.latents.found import load_directions
from jgan.latents.ganspace import ganspace
from jgan.latents.incremental_pca import IncrementalPCA
from jgan.latents.labelled import ByTable
from jgan.latents.logistic import fit_logistic
from jgan.latents.sefa import factorize, sefa
from jgan.latents.space import LatentSpace
from jgan.latents.supervised import fit_plane, supervised
from jgan.types import Stage, UserError

STYLE = make_config(game=stylegan2(8, 16, 8, 1, num_classes=3, mapping_layers=2))
PLAIN = make_config()


def open_run(directory, config):
    save_run(directory, config, random=True)
    return LatentSpace(config, directory, batch_size=8)


@pytest.fixture(scope="module")
def style(tmp_path_factory):
    return open_run(tmp_path_factory.mktemp("directions") / "style", STYLE)


@pytest.fixture(scope="module")
def plain_run(tmp_path_factory):
    directory = tmp_path_factory.mktemp("directions") / "plain"
    return directory, open_run(directory, PLAIN)


def alike(vectors, others, tolerance=1e-4):
    """The same lines, whatever their sign."""
    np.testing.assert_allclose(np.abs((np.asarray(vectors) * others).sum(1)), 1.0, atol=tolerance)


def test_principal_components_arrive_in_batches():
    rows = np.random.default_rng(0).normal(size=(103, 6)) * [5, 4, 3, 2, 1, 0.5] + 7
    pca, few, reference = IncrementalPCA(6), IncrementalPCA(2), Reference(2)
    for batch in np.array_split(rows, 9):
        pca.add(batch)
        few.add(batch)
        reference.partial_fit(batch)
    exact = PCA().fit(rows)
    alike(pca.components, exact.components_, 1e-10)
    np.testing.assert_allclose(pca.variances, exact.explained_variance_)
    np.testing.assert_allclose(pca.mean, rows.mean(0))
    np.testing.assert_allclose(pca.total_variance, rows.var(0, ddof=1).sum())
    alike(few.components, reference.components_, 1e-10)
    np.testing.assert_allclose(few.variances, np.asarray(reference.explained_variance_))


def test_logistic_regression_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(200, 5))
    labels = rows @ [1.0, -2.0, 0.0, 0.5, 0.0] + rng.normal(size=200) > 0.3
    weights, bias = fit_logistic(rows, labels, 0.5)
    reference = LogisticRegression(C=2.0, tol=1e-10).fit(rows, labels)
    np.testing.assert_allclose(weights, reference.coef_[0], rtol=1e-4)
    np.testing.assert_allclose(bias, reference.intercept_[0], rtol=1e-4)
    far, _ = fit_logistic(100 * rows, rows[:, 0] > 0, 1e-3)  # separable, where Newton's steps alone diverge
    assert np.isfinite(far).all()


def test_the_matrix_that_latents_enter_is_what_the_layer_multiplies_by(tmp_path):
    """Against parameters by hand: a chunk of BigGAN's, spectrally normalised; ProGAN's, of normalised latents."""
    space = open_run(tmp_path / "biggan", make_config(game=biggan(32, 2, 1, 3), stages=(Stage(40, 8, 32),)))
    layer = first_layer(space)
    assert (layer.name, np.flatnonzero(layer.used).tolist()) == ("from_latents", list(range(20)))
    kernel = np.asarray(space.player.params["from_latents"]["kernel"])
    ratio = layer.weight[:, :20] / kernel.T
    np.testing.assert_allclose(ratio, ratio[0, 0], rtol=1e-3)
    unit = np.asarray(space.player.variables["spectral"]["from_latents"]["u"])
    v = kernel @ (unit / np.linalg.norm(unit))
    np.testing.assert_allclose(1 / ratio[0, 0], np.linalg.norm(v @ kernel) / np.linalg.norm(v), rtol=1e-3)
    latents = space.latents([0, 1])
    made = first_outputs(space)(latents)
    np.testing.assert_allclose(made[1] - made[0], layer.weight @ (latents[1] - latents[0]), atol=1e-4)
    space = open_run(tmp_path / "progan", make_config(game=progan(8, 8, 1), stages=(Stage(40, 8, 8),)))
    kernel = np.asarray(space.player.params["from_latents"]["kernel"])[: space.game.latent_dim]
    layer = first_layer(space)
    assert layer.used.all()
    ratio = (layer.weight / kernel.T).ravel()
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-3)


def test_sefa_is_that_of_the_authors_code(style, plain_run):
    found = sefa(style, "run", 4, [1, 2])
    affine = [layer for layer in style_layers(style) if layer.number in (1, 2)]
    synthesis = style.player.params["synthesis"]
    names = ("to_image_4/conv", "block_8/conv_0/conv", "block_8/conv_1/conv")
    kernels = []
    for name in names:
        leaf = synthesis
        for part in name.split("/"):
            leaf = leaf[part]
        kernels.append(np.asarray(leaf["style"]["kernel"]) / np.sqrt(8))
    assert [layer.name for layer in affine] == [f"synthesis/{name}/style" for name in names]
    weight = np.concatenate(kernels, axis=1)
    np.testing.assert_allclose(np.concatenate([layer.weight for layer in affine]), weight.T, atol=1e-5)
    weight = weight / np.linalg.norm(weight, axis=0, keepdims=True)
    values, vectors = np.linalg.eig(weight.dot(weight.T))
    order = np.argsort(-values)[:4]
    alike(found.vectors, vectors.T[order])
    np.testing.assert_allclose(found.values, values[order], rtol=1e-4)
    assert found.layers == (1, 2)
    found = sefa(plain_run[1], "run", 4)
    kernel = np.asarray(plain_run[1].player.params["dense_0"]["kernel"]).T
    alike(found.vectors, factorize(kernel)[1])
    for call in (lambda: sefa(style, "run", 9), lambda: sefa(plain_run[1], "run", 1, [0])):
        with pytest.raises(UserError, match=r"--components=9: there are 8|--layers: this run has no styles"):
            call()


def test_ganspace_is_the_principal_components_of_styles_or_of_activations(style, plain_run):
    found = ganspace(style, "run", 3, num=600)
    styles = style.styles(style.latents(range(600)), style.labels(range(600)))[:, 0]
    exact = PCA(3).fit(styles.astype(np.float64))
    alike(found.vectors, exact.components_)
    np.testing.assert_allclose(found.scales, np.sqrt(exact.explained_variance_), rtol=1e-4)
    np.testing.assert_allclose(found.values, exact.explained_variance_ratio_, rtol=1e-4)
    space = plain_run[1]
    found, latents = ganspace(space, "run", 3, num=600), space.latents(range(600))
    exact = PCA(3).fit(first_outputs(space)(latents).astype(np.float64))
    coordinates = exact.transform(first_outputs(space)(latents)) / np.sqrt(exact.explained_variance_)
    steps = np.linalg.lstsq(coordinates, latents)[0]
    alike(found.vectors, steps / np.linalg.norm(steps, axis=1, keepdims=True))
    with pytest.raises(UserError, match="there are 4 with any variance"):
        ganspace(space, "run", 5, num=600)


def test_a_supervised_direction_tells_labels_apart(plain_run, tmp_path):
    _, space = plain_run
    table = tmp_path / "labels.csv"
    latents, normal = space.latents(range(400)), np.array([0.6, 0.0, -0.8, 0.0])
    lines = [f"{seed},{'yes' if latents[seed] @ normal > 0 else 'no'}" for seed in range(400)]
    table.write_text("\n".join(["seed,label", *lines]))
    found, fit = supervised(space, "run", ByTable(table))
    assert found.names == ("label yes against no",)
    assert found.vectors[0] @ normal > 0.97
    assert fit.accuracy == found.values[0] > 0.9
    assert not fit.is_near_chance
    noise = np.random.default_rng(1).random(400) > 0.5
    assert fit_plane(latents, noise, "noise").is_near_chance
    with pytest.raises(UserError, match="expected at least 10 of each"):
        fit_plane(latents, np.arange(400) < 3, "few")
    for text, message in (
        ("seed,label\n1,a\n1,b", "seed 1 is there twice"),
        ("seed,label\n1,a\n-1,b", "row 3 is not a seed"),
        ("a,b\n1,2", "expected a first line"),
        ("seed,label\n1,a\n2,a", "1 different labels"),
        ("seed,label\n1,a\n2,b\n3,c", "3 different labels"),
        ("\udcff", "not a CSV table in UTF-8"),
    ):
        table.write_text(text, errors="surrogateescape")
        with pytest.raises(UserError, match=message):
            ByTable(table)


def test_attributes_are_measured_from_pixels():
    images = np.zeros((3, 12, 12, 1), np.uint8)
    images[0, 2:10, 5] = images[1, 2:10, 4:7] = 255
    images[2, np.arange(9, 1, -1), np.arange(2, 10)] = 255
    dark = attributes(images)
    light = attributes(255 - images)  # what stands out is the same
    for name in ("thickness", "slant", "size"):
        np.testing.assert_allclose(dark[name], light[name])
    assert dark["thickness"][1] > 1.5 * dark["thickness"][0]
    np.testing.assert_allclose(dark["slant"], [0, 0, 1], atol=1e-6)
    np.testing.assert_allclose(dark["brightness"], images.mean((1, 2, 3)))
    colours = np.zeros((3, 4, 4, 3), np.uint8)
    colours[0, ..., 0] = colours[1, ..., 1] = colours[2, ..., 2] = 200
    np.testing.assert_allclose(attributes(colours)["hue"], [0, 120, -120], atol=1e-4)
    hues = np.array([170.0, -170.0, 178.0, -175.0])
    np.testing.assert_allclose(change("hue")(hues[1:2], hues[:1]), 20)
    middle = around_middle("hue", hues)
    np.testing.assert_allclose(middle, [-11.5, 8.5, -3.5, 3.5])
    assert "hue" not in dark
    assert not set(attributes(np.zeros((1, 8, 8, 4), np.uint8))) ^ set(attributes(colours))


def test_images_move_along_directions_in_layers(style):
    found = sefa(style, "run", 2)
    seeds, labels = [3, 4], style.labels([3, 4])
    styles = style.styles(style.latents(seeds), labels, 0.5)
    moved = edit(style, seeds, Moves([found[0], found[1]], [2, 3]), [(0.0, 0.0), (2.0, -1.0)], truncation=0.5)
    np.testing.assert_array_equal(moved[:, 0], style.images_of_styles(styles))
    step = 2 * found.scales[0] * found.vectors[0] - found.scales[1] * found.vectors[1]
    styles[:, 2:] += step
    assert np.abs(moved[:, 1].astype(int) - style.images_of_styles(styles)).max() <= 1
    held = holding(found[0], [found[1]])
    assert abs(held.vectors[0] @ found.vectors[1]) < 1e-6
    with pytest.raises(UserError, match="nothing of it is left"):
        holding(found[0], [found[0]])


def test_the_commands_find_store_and_edit(plain_run, tmp_path, capsys):
    directory, _ = plain_run
    run, out = ["--workdir", str(directory)], tmp_path / "found.npz"
    find = ["directions", *run, "--method", "sefa", "--components", "2", "--out", str(out)]
    assert latents_command.main(find) == 0
    found = load_directions(out)
    assert (len(found), found.run, found.names[1]) == (2, "plain", "eigenvector 1")
    assert latents_command.main(find) == 0
    with pytest.raises(UserError, match="other weights or settings"):
        latents_command.main([*find[:-3], "1", "--out", str(out)])
    edited = tmp_path / "edited.png"
    move = ["edit", *run, "--direction", f"{out}:1", "--strengths", "-1..1", "--seeds", "0-2", "--out", str(edited)]
    capsys.readouterr()
    assert latents_command.main(move) == 0
    rows = json.loads(edited.with_suffix(".json").read_text())["moved"]
    assert [row["strengths"] for row in rows] == [[-1.0], [0.0], [1.0]]
    assert rows[1]["pixels"] == 0 < rows[2]["pixels"]
    assert "strength" in capsys.readouterr().out.splitlines()[0]
    with pytest.raises(UserError, match="there is no direction 2"):
        latents_command.main([*move[:3], "--direction", f"{out}:2", "--out", str(edited)])
    assert latents_command.main([*find[:-3], "3", "--overwrite", "--out", str(out)]) == 0
    with pytest.raises(UserError, match="other weights or settings"):  # another file under the name
        latents_command.main(move)
    edited.unlink()
    edited.with_suffix(".json").write_text("{}")
    with pytest.raises(UserError, match=r"edited\.json: is there already"):
        latents_command.main(move)


def test_files_of_directions_are_read_strictly(style, plain_run, tmp_path, caplog):
    path = tmp_path / "file.npz"
    found = sefa(plain_run[1], "run", 2)
    found.save(path)
    again = load_directions(path)
    np.testing.assert_array_equal(again.vectors, found.vectors)
    assert again.names == found.names
    again.check(plain_run[1], "x")
    assert not caplog.records
    with pytest.raises(UserError, match="directions of 4 numbers, and this run's z has 8"):
        again.check(style, "--direction")
    arrays: dict[str, Any] = dict(np.load(path))
    about = json.loads(arrays["about"].tobytes())

    def packed(**changes):
        return np.frombuffer(json.dumps({**about, **changes}).encode(), np.uint8)

    for changes in (
        {"vectors": arrays["vectors"] * 2},
        {"vectors": np.full_like(arrays["vectors"], np.nan)},
        {"vectors": arrays["vectors"][:1]},
        {"vectors": arrays["vectors"].astype(np.float64)},
        {"scales": -arrays["scales"]},
        {"other": arrays["scales"]},
        {"about": np.zeros(3, np.uint8)},
        {"about": packed(space="q")},
        {"about": packed(layers=[])},
        {"about": packed(names=["a"])},
        {"about": packed(values=[1])},
        {"about": packed(new=1)},
    ):
        changed: dict[str, Any] = {**arrays, **changes}
        np.savez(path, **changed)
        with pytest.raises(UserError, match="not directions of jgan latents"):
            load_directions(path)
    np.savez(path, **arrays, code=np.array([print]))
    with pytest.raises(UserError, match=r"file\.npz"):
        load_directions(path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UserError, match=r"file\.npz"):
        load_directions(path)


def test_a_run_finds_and_edits_in_python(plain_run, tmp_path):
    directory, space = plain_run
    run = jgan.open(directory)
    found = run.directions("sefa", components=2)
    np.testing.assert_array_equal(found.vectors, sefa(space, "plain", 2).vectors)
    found.save(tmp_path / "found.npz")
    edited = run.edit([1, 2], [found[1], tmp_path / "found.npz"], [-1, 0, 1], combine="grid")
    assert edited.images.shape == (2, 9, 8, 8, 1)
    np.testing.assert_array_equal(edited.images[:, 4], edited.originals)
    assert edited.strengths[1] == (0.0, -1.0)
    with pytest.raises(UserError, match=r"^layers: this run has no styles"):
        run.edit([1], found[0], layers=[0])
    with pytest.raises(UserError, match=r"^attribute: method=sefa does not take it"):
        run.directions("sefa", attribute="slant")
