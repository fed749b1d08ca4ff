"""translate and upscale as a user types them, on tiny networks that were not trained."""

import shutil

import jax
import numpy as np
import pytest
import runs
from conftest import use_devices
from PIL import Image, ImageCms
from translation_runs import CONFIGS, call, critic, make_run, save, smooth

from jgan import compare, translate, upscale
from jgan import config as configs
from jgan.data.config import DataConfig
from jgan.families.pix2pix import UNet
from jgan.games.paired import PairedGAN
from jgan.inference.weights import restore_generator
from jgan.layers.bicubic import bicubic
from jgan.photos import programs
from jgan.photos.photo_files import Photo, encoded, read_photo
from jgan.rundir.lock import writing_alone
from jgan.rundir.written import TRANSLATED
from jgan.types import UserError

# float32 in two programs, and one more rounding to a level where they lie on its two sides
LEVEL = 1
REACH = (
    4 + 2 + 1 + 1 + 2
)  # pixels of the input that SRResNet below sees around one: 9 x 9, a block, two of 3 x 3, 9 x 9


@pytest.fixture(scope="module")
def workdirs(tmp_path_factory):
    """A run at step 0 of each config."""
    directory = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        use_devices(patch, 1)
        return {name: make_run(directory / name, *parts) for name, parts in CONFIGS.items()}


@pytest.fixture(autouse=True)
def one_device(monkeypatch):
    use_devices(monkeypatch, 1)


def applied(workdir, inputs, multiple=1, **options):
    """What the network itself makes of inputs [h, w, c] in [-1, 1], which are mirrored up to a multiple."""
    config = configs.load(workdir)
    player, _ = restore_generator(config, workdir)
    pads = [(0, -side % multiple) for side in inputs.shape[:2]]
    padded = np.pad(inputs, (*pads, (0, 0)), mode="reflect").astype(np.float32)[None]
    made = np.asarray(config.game.translate(player, padded, jax.random.key(0), **options))[0]
    scale = made.shape[0] // padded.shape[1]
    return made[: scale * inputs.shape[0], : scale * inputs.shape[1]]


def in_units(values):
    return values.astype(np.float32) * (2.0 / np.iinfo(values.dtype).max) - 1.0


def in_levels(made, most=255):
    return np.clip((made + 1.0) * (most / 2), 0, most)


@pytest.mark.slow
def test_names_and_folders_are_mirrored_and_nothing_is_replaced(workdirs, tmp_path, capsys):
    sizes = {"b.png": (17, 30), "sub/deep/a.bmp": (8, 41)}
    for name, size in sizes.items():
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(smooth(*size)).save(path)
    flags = {"workdir": workdirs["both"], "direction": "b_to_a", "input": tmp_path / "in", "out": tmp_path / "out"}
    assert call(translate, **flags) == 0
    assert "2 images from the EMA weights at step 0" in capsys.readouterr().out
    found = sorted(path.relative_to(tmp_path / "out") for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert [str(path) for path in found] == ["b.png", "sub/deep/a.png", TRANSLATED]
    for name, place in zip(sizes, found[:2], strict=True):
        inputs = in_units(read_photo(tmp_path / "in" / name).colors)
        expected = in_levels(applied(workdirs["both"], inputs, 8, direction="b_to_a"))
        assert expected.std() > 10
        np.testing.assert_allclose(read_photo(tmp_path / "out" / place).colors, expected, atol=0.51)
    save(tmp_path / "out" / "b.png", smooth(3, 3))
    (tmp_path / "out" / "sub" / "deep" / "a.png").unlink()
    with pytest.raises(
        UserError, match=r"^--out=.*out/b\.png is there already; .* add --overwrite or --skip_existing$"
    ):
        call(translate, **flags)
    assert not list((tmp_path / "out" / "sub" / "deep").iterdir())
    assert call(translate, **flags, overwrite=True) == 0
    assert read_photo(tmp_path / "out" / "b.png").colors.shape == (17, 30, 3)


def test_what_is_there_is_skipped_and_the_rest_as_if_nothing_had_been(workdirs, tmp_path, capsys):
    """Also what --degrade draws, which follows from a file's place among all of them."""
    for name in ("a", "b", "c"):
        save(tmp_path / "in" / f"{name}.png", smooth(16, 24))
    flags = {"workdir": workdirs["filling"], "input": tmp_path / "in", "degrade": True}
    assert call(translate, **flags, out=tmp_path / "whole") == 0
    whole = {name: (tmp_path / "whole" / name).read_bytes() for name in ("a.png", "b.png", "c.png")}
    shutil.copytree(tmp_path / "whole", tmp_path / "out")
    for name in ("a.png", "c.png"):
        (tmp_path / "out" / name).unlink()
    with (tmp_path / "out" / TRANSLATED).open("a") as record:
        record.write('{"file": "c.p')  # cut off
    flags["out"] = tmp_path / "out"
    assert call(translate, **flags, skip_existing=True) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == (
        f"2 images from the EMA weights at step 0: {tmp_path}/out; 1 skipped, whose images were there already"
    )
    assert {name: (tmp_path / "out" / name).read_bytes() for name in whole} == whole
    assert call(translate, **flags, skip_existing=True) == 0
    assert capsys.readouterr().out.startswith("0 images from")
    with pytest.raises(UserError, match=r"--overwrite: not allowed with argument --skip_existing; see .* --help$"):
        call(translate, **flags, skip_existing=True, overwrite=True)


def test_images_that_were_made_otherwise_are_not_taken_for_these(workdirs, tmp_path):
    """Nor are images of others: a directory of outputs holds nothing else."""
    for name in ("a", "b"):
        save(tmp_path / "in" / f"{name}.png", smooth(8, 8))
    run, out = tmp_path / "run", tmp_path / "out"
    shutil.copytree(workdirs["enlarging"], run)
    flags = {"workdir": run, "input": tmp_path / "in", "out": out}
    assert call(upscale, **flags) == 0
    made = {path.name: path.read_bytes() for path in out.iterdir()}
    again = {**flags, "skip_existing": True}
    for change, difference in (
        ({"bicubic": True}, "with other weights and bicubic"),
        ({"seed": 1}, "with other seed"),
        ({"tile": 32}, "with other tile"),
    ):
        with pytest.raises(UserError, match=rf"holds a\.png, made {difference}; replace it by --overwrite, or"):
            call(upscale, **(again | change))
    with Image.open(out / "b.png") as image:
        image.convert("L").save(out / "b.png")
    with pytest.raises(UserError, match=r"holds b\.png, which is not what was written; replace it"):
        call(upscale, **again)
    save(tmp_path / "in" / "b.png", smooth(9, 8))
    with pytest.raises(UserError, match=r"holds b\.png, made of another input, b\.png of [0-9]+ bytes; replace it"):
        call(upscale, **again)
    assert call(upscale, **flags, overwrite=True) == 0
    assert (out / "a.png").read_bytes() == made["a.png"]
    (out / TRANSLATED).unlink()
    with pytest.raises(UserError, match=r"holds a\.png, of which translated\.jsonl does not tell; replace it"):
        call(upscale, **again)
    (out / TRANSLATED).write_text("[]\n")
    with pytest.raises(UserError, match=r"translated\.jsonl: line 1 is not what was written .*; move it away"):
        call(upscale, **again)
    for name in ("a.png", "b.png", TRANSLATED):
        (out / name).unlink()
    save(out / "sub" / "photo.jpg", smooth(8, 8))
    for more in ({}, {"overwrite": True}, {"skip_existing": True}):
        with pytest.raises(UserError, match=r"holds sub/photo\.jpg, of which translated\.jsonl does not tell; choose"):
            call(upscale, **flags, **more)
    with pytest.raises(UserError, match="is the directory of a run, and no folder of images"):
        call(upscale, **(flags | {"out": workdirs["both"]}))
    long = tmp_path / "in" / f"{'é' * 125}.jpg"  # 254 bytes: no room for .partial
    (tmp_path / "in" / "a.png").rename(long)
    with writing_alone(tmp_path / "new"), pytest.raises(UserError, match="new: another process writes there; stop it"):
        call(upscale, **(flags | {"out": tmp_path / "new"}))
    assert call(upscale, **(flags | {"out": tmp_path / "new"})) == 0
    assert (tmp_path / "new" / f"{'é' * 125}.png").is_file()


def test_a_colour_profile_goes_along_and_what_is_left_out_is_said(workdirs, tmp_path, caplog):
    (tmp_path / "in").mkdir()
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(smooth(9, 8)).save(tmp_path / "in" / "a.jpg", icc_profile=profile)
    deep = Photo(smooth(9, 8, most=65535), smooth(9, 8, 1, 65535), profile)
    deep_png = tmp_path / "in" / "deep.png"
    deep_png.write_bytes(encoded(deep_png, deep))
    cmyk = profile[:16] + b"CMYK" + profile[20:]
    Image.fromarray(smooth(9, 8)).convert("CMYK").save(tmp_path / "in" / "print.jpg", icc_profile=cmyk)
    assert call(upscale, workdir=workdirs["enlarging"], input=tmp_path / "in", out=tmp_path / "out") == 0
    made = {name: read_photo(tmp_path / "out" / f"{name}.png") for name in ("a", "deep", "print")}
    assert {name: photo.profile for name, photo in made.items()} == {"a": profile, "deep": profile, "print": b""}
    assert made["deep"].most == 65535
    assert made["deep"].alpha is not None
    assert [record.getMessage() for record in caplog.records if record.name == "jgan.photos.photo_files"] == [
        f"{tmp_path}/out/print.png: is RGB and has no colour profile; that of its input, CMYK, is left out"
    ]


def on_white(values, alpha):
    """Levels [h, w, c] as they look over white."""
    most, share = np.iinfo(values.dtype).max, alpha.astype(float) / np.iinfo(values.dtype).max
    return np.rint(values * share + most * (1 - share)).astype(values.dtype)


@pytest.mark.parametrize("most", [255, 65535])
def test_depth_and_transparency_are_kept(most, workdirs, tmp_path):
    values, alpha = smooth(13, 21, most=most), smooth(13, 21, 1, most)
    save(tmp_path / "a.png", values, alpha)
    assert call(upscale, workdir=workdirs["enlarging"], input=tmp_path / "a.png", out=tmp_path / "out") == 0
    made = read_photo(tmp_path / "out" / "a.png")
    seen = in_levels(applied(workdirs["enlarging"], in_units(on_white(values, alpha))), most)
    assert made.most == most
    assert made.alpha.shape == (26, 42, 1)
    # What is clipped aside, the result looks on white as the network made it of what the image looks like there.
    inside = (made.colors > 0) & (made.colors < most)
    assert inside.mean() > 0.5
    np.testing.assert_allclose(on_white(made.colors, made.alpha)[inside], seen[inside], rtol=0, atol=1.1)
    # enlarged as smoothly: each pixel's four are about it
    means = made.alpha.reshape(13, 2, 21, 2).mean((1, 3))
    np.testing.assert_allclose(means, alpha[:, :, 0], atol=0.1 * most)


def test_channels_are_those_of_the_run(workdirs, tmp_path):
    """Gray in, colours with their own transparency out."""
    values, alpha = smooth(9, 15), smooth(9, 15, 1)
    save(tmp_path / "a.png", values, alpha)
    assert call(translate, workdir=workdirs["pairs"], input=tmp_path / "a.png", out=tmp_path / "out") == 0
    made = read_photo(tmp_path / "out" / "a.png")
    luma = in_units(on_white(values, alpha)) @ np.array([[0.299], [0.587], [0.114]], np.float32)
    expected = in_levels(applied(workdirs["pairs"], luma, 8))
    np.testing.assert_allclose(np.concatenate([made.colors, made.alpha], axis=2), expected, atol=0.51)


@pytest.mark.parametrize("degrade", [False, True])
def test_programs_of_many_sizes_do_not_pile_up(degrade, workdirs, tmp_path, monkeypatch):
    """Two stay: the third size drops those before, the fifth again, and what is made is the same."""
    sizes = [(32, 40), (32, 40), (32, 48), (32, 56), (90, 92), (90, 100)]
    for index, size in enumerate(sizes):
        save(tmp_path / "in" / f"{index}.png", smooth(*size))
    flags = {"workdir": workdirs["enlarging"], "input": tmp_path / "in", "tile": 64, "bicubic": True}
    flags |= {"degrade": True} if degrade else {}
    assert call(upscale, out=tmp_path / "all", **flags) == 0
    calls, clear = [], jax.clear_caches
    monkeypatch.setattr(programs, "KEPT", 2)
    monkeypatch.setattr(jax, "clear_caches", lambda: calls.append(clear()))
    assert call(upscale, out=tmp_path / "few", **flags) == 0
    assert len(calls) == (2 if degrade else 1)  # of larger images than a tile all sizes are one, but not to the task
    for index in range(len(sizes)):
        made, same = (read_photo(tmp_path / out / f"{index}.png").colors for out in ("all", "few"))
        np.testing.assert_array_equal(made, same)


def test_tiles_give_what_the_whole_gives(workdirs, tmp_path):
    """Everywhere, of a network that reaches as far as tiles throw away; not of tiles that share nothing."""
    values = smooth(150, 97)
    save(tmp_path / "a.png", values)
    flags = {"workdir": workdirs["enlarging"], "input": tmp_path / "a.png"}
    for out, more in (
        ("whole", {"tile": 0}),
        ("exact", {"tile": 64, "overlap": 2 * REACH}),
        ("beside", {"tile": 50, "overlap": 0}),
    ):
        assert call(upscale, out=tmp_path / out, **flags, **more) == 0
    whole, exact, beside = (
        read_photo(tmp_path / out / "a.png").colors.astype(int) for out in ("whole", "exact", "beside")
    )
    assert whole.shape == (300, 194, 3)
    assert whole.std() > 2 * np.abs(whole - exact).max()
    assert np.abs(whole - exact).max() <= LEVEL
    assert np.abs(whole - beside).max() > LEVEL  # tiles end in zeros


def test_tiles_fit_the_strides_of_a_network(tmp_path):
    """On odd sizes too, where the last tile ends beyond the image; the network reaches ten pixels or so."""
    game = PairedGAN(UNet(3, channels=4, downs=2, norm="none"), critic())
    workdir = make_run(tmp_path / "run", game, DataConfig("pairs:x"))
    save(tmp_path / "a.png", smooth(151, 229))
    flags = {"workdir": workdir, "input": tmp_path / "a.png"}
    for out, more in (("whole", {"tile": 0}), ("tiles", {"tile": 96, "overlap": 47})):
        assert call(translate, out=tmp_path / out, **flags, **more) == 0
    whole, tiles = (read_photo(tmp_path / out / "a.png").colors.astype(int) for out in ("whole", "tiles"))
    assert whole.std() > 2 * LEVEL
    assert np.abs(whole - tiles).max() <= LEVEL
    with pytest.raises(UserError, match=r"^--tile=66: expected a multiple of 4, in which"):
        call(translate, out=tmp_path / "odd", **flags, tile=66)


def test_an_enlargement_by_the_filter_needs_no_network(workdirs, tmp_path):
    values = smooth(12, 10)
    save(tmp_path / "a.png", values)
    flags = {"workdir": workdirs["enlarging"], "input": tmp_path / "a.png", "out": tmp_path / "out"}
    assert call(upscale, **flags, bicubic=True) == 0
    expected = in_levels(np.asarray(bicubic(in_units(values)[None], 24, 20))[0])
    np.testing.assert_allclose(read_photo(tmp_path / "out" / "a.png").colors, expected, atol=0.51)


def test_degraded_photos_come_back_in_their_size(workdirs, tmp_path):
    """A photo of odd sides is cut to what the scale divides, made smaller, and enlarged."""
    values = smooth(33, 46)
    save(tmp_path / "in" / "a.png", values)
    flags = {"workdir": workdirs["enlarging"], "input": tmp_path / "in", "degrade": True}
    assert call(upscale, out=tmp_path / "out", **flags) == 0
    small = np.asarray(bicubic(in_units(values[:32])[None], 16, 23))[0]
    small = np.rint(in_levels(small)) / 127.5 - 1
    expected = in_levels(applied(workdirs["enlarging"], small))
    made = read_photo(tmp_path / "out" / "a.png").colors
    assert made.shape == (32, 46, 3)
    np.testing.assert_allclose(made, expected, atol=0.51)
    assert call(compare, images=tmp_path / "out", reference=tmp_path / "in", cut_reference=True) == 0


@pytest.mark.parametrize("how", ["mask", "masks", "alpha", "degrade"])
def test_known_pixels_stay_as_they_are(how, workdirs, tmp_path):
    values, hidden = smooth(21, 30), np.zeros((21, 30, 1), bool)
    hidden[4:11, 8:21] = True
    save(
        tmp_path / "in" / "sub" / "a.png", values, np.where(hidden, 0, 255).astype(np.uint8) if how == "alpha" else None
    )
    mask = save(tmp_path / "masks" / "sub" / "a.png", np.where(hidden, 255, 0).astype(np.uint8))
    more = {"mask": {"mask": mask}, "masks": {"mask": tmp_path / "masks"}, "degrade": {"degrade": True}}.get(how, {})
    assert call(translate, workdir=workdirs["filling"], input=tmp_path / "in", out=tmp_path / "out", **more) == 0
    made = read_photo(tmp_path / "out" / "sub" / "a.png")
    assert made.alpha is None or (made.alpha == 255).all()  # what was transparent is filled
    if how == "degrade":  # a rectangle, drawn
        share = (made.colors != values).any(-1).mean()
        assert 0.04 < share < 0.3
        return
    np.testing.assert_array_equal(np.where(hidden, 0, made.colors), np.where(hidden, 0, values))
    inputs = np.concatenate([np.where(hidden, -1, in_units(values)), np.where(hidden, 1, -1)], axis=2)
    expected = np.where(hidden, in_levels(applied(workdirs["filling"], inputs, 8)), values)
    assert np.abs(expected - values)[np.broadcast_to(hidden, values.shape)].mean() > 10
    np.testing.assert_allclose(made.colors, expected, atol=0.51)


def test_known_pixels_of_16_bits_stay_in_tiles_too(workdirs, tmp_path):
    values, mask = smooth(70, 40, most=65535), np.zeros((70, 40, 1), np.uint8)
    mask[30:50, 10:20] = 255
    save(tmp_path / "a.png", values)
    save(tmp_path / "mask.png", mask)
    flags = {"workdir": workdirs["filling"], "input": tmp_path / "a.png", "mask": tmp_path / "mask.png"}
    assert call(translate, **flags, out=tmp_path / "out", tile=32) == 0
    made = read_photo(tmp_path / "out" / "a.png").colors
    known = np.broadcast_to(mask == 0, made.shape)
    np.testing.assert_array_equal(made[known], values[known])
    assert (made != values)[~known].mean() > 0.99


REFUSALS = [
    (translate, "both", {}, r"^--direction: this run goes both ways; expected a_to_b or b_to_a$"),
    (translate, "pairs", {"direction": "a_to_b"}, r"^--direction=a_to_b: this run has one direction; leave it out$"),
    (upscale, "pairs", {}, r"^--workdir=.*: this run does not enlarge images; take jgan translate$"),
    (upscale, "both", {}, r"^--workdir=.*: this run does not enlarge images; take jgan translate$"),
    (translate, "filling", {}, r"a\.png: nothing says what to fill; give --mask, transparent pixels, or --degrade$"),
    (
        upscale,
        "enlarging",
        {"degrade": True, "input": "SMALL"},
        r"small\.png: 5 x 1 pixels cannot be made 2 times smaller$",
    ),
    (translate, "filling", {"mask": "no"}, r"^--mask=no: no such file or folder"),
    (translate, "filling", {"mask": "m", "degrade": True}, r"^--mask: --degrade makes masks by itself"),
    (translate, "pairs", {"mask": "MASK"}, r"^--mask: this run does not fill masks"),
    (
        translate,
        "filling",
        {"mask": "MASK"},
        r"a\.png: --mask: .*mask\.png is 3 x 3 pixels, its image 8 x 8; give one of the same size$",
    ),
    (translate, "pairs", {"degrade": True}, r"^--degrade: this run has no task \(data\.task\.name\)"),
    (translate, "pairs", {"tile": 8}, r"^--tile=8: expected 0, for whole images, or at least 32$"),
    (translate, "pairs", {"tile": 64, "overlap": 33}, r"^--overlap=33: expected 0 to 32, half of a tile of 64 pixels$"),
    (
        upscale,
        "enlarging",
        {"tile": 0, "overlap": 8},
        r"^--overlap=8: with --tile=0 images go through whole; leave one",
    ),
    (translate, "pairs", {"step": 7}, r"^--step=7: .* has no checkpoint of it; expected one of 0$"),
    (translate, "pairs", {"best": True}, r"best: no such directory; "),
    (translate, "pairs", {"input": "no.png"}, r"^--input=no\.png: no such file or folder; "),
    (translate, "pairs", {"input": "FILE", "out": "FILE"}, r"^--out=.*: cannot write there"),
    (translate, "pairs", {"input": "IN", "out": "BELOW"}, r"^--out=.*in/new: lies within --input, of which it would"),
]


@pytest.mark.parametrize(("command", "name", "flags", "message"), REFUSALS)
def test_what_does_not_fit_is_one_line(command, name, flags, message, workdirs, tmp_path):
    save(tmp_path / "in" / "a.png", smooth(8, 8))
    places = {
        "MASK": save(tmp_path / "mask.png", np.full((3, 3, 1), 255, np.uint8)),
        "SMALL": save(tmp_path / "small.png", smooth(1, 5)),
        "FILE": tmp_path / "in" / "a.png",
        "IN": tmp_path / "in",
        "BELOW": tmp_path / "in" / "new",
    }
    flags = {key: places.get(value, value) for key, value in flags.items()}
    with pytest.raises(UserError, match=message) as error:
        call(command, **({"workdir": workdirs[name], "input": tmp_path / "in", "out": tmp_path / "out"} | flags))
    assert "\n" not in str(error.value)


def test_a_broken_file_is_one_line_that_names_it(workdirs, tmp_path, caplog):
    save(tmp_path / "in" / "b.png", smooth(40, 40))
    whole = (tmp_path / "in" / "b.png").read_bytes()
    (tmp_path / "in" / "c.png").write_bytes(whole[:400])
    flags = ["--workdir", workdirs["enlarging"], "--input", tmp_path / "in", "--out", tmp_path / "out"]
    code, _, err = runs.call("jgan.upscale", *flags)
    last = err.replace("\r", "\n").splitlines()[-1]
    assert code == 2
    assert last.startswith(f"error: {tmp_path}/in/c.png: ")
    assert "Traceback" not in err
    assert (tmp_path / "out" / "b.png").exists()  # what was written before stays
    (tmp_path / "in" / "c.png").write_text("not an image")
    (tmp_path / "in" / "d.png").write_bytes(whole[:400])
    flags = {"workdir": workdirs["enlarging"], "input": tmp_path / "in", "out": tmp_path / "other"}
    with pytest.raises(UserError, match=r"in/c\.png: not an image that can be read; .* with --skip_broken$"):
        call(upscale, **flags)
    assert call(upscale, **flags, skip_broken=True) == 0
    assert {path.name for path in (tmp_path / "other").iterdir()} == {"b.png", TRANSLATED}
    assert [line.partition(": ")[0][-5:] for line in caplog.messages if "left out" in line] == ["c.png", "d.png"]
    for name in "cd":
        (tmp_path / "in" / f"{name}.png").unlink()
    (tmp_path / "in" / "c.png").symlink_to("nothing")
    with pytest.raises(UserError, match=r"in/c\.png: cannot be read \(No such file or directory\); remove"):
        call(upscale, **flags, overwrite=True)
