"""Captions: tables and vectors beside images, words to ids, the caption of each visit, and digits that are measured."""

import io
import re
import zipfile

import jax
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from PIL import Image, ImageDraw

from jgan.data import digit_captions
from jgan.data.__main__ import main
from jgan.data.captions import load_arrays
from jgan.data.config import DataConfig
from jgan.data.opening import open_dataset
from jgan.data.order import batch_rows
from jgan.data.registry import open_source
from jgan.data.vocabulary import Vocabulary, split_words, vocabulary_of
from jgan.types import ScheduledStage, UserError

CAPTIONS = {"a.png": ["A red bird."], "b.png": ["a blue bird", "blue, quite blue"], "c/d.png": ["one", "two", "three"]}
TABLE = "file,caption\n" + "".join(f'{name},"{text}"\n' for name, texts in CAPTIONS.items() for text in texts)
COUNT, BATCH = len(CAPTIONS), 2


@pytest.fixture
def folder(tmp_path):
    """Three images, of one, two and three captions; the gray level of image i is i."""
    for level, name in enumerate(sorted(CAPTIONS)):
        path = tmp_path / "set" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), level).save(path)
    table = TABLE.replace("file,caption", "file, caption ").replace("a.png", "./a.png", 1)
    (tmp_path / "set" / "captions.csv").write_text(table)
    return tmp_path / "set"


def batches(source, device_megabytes, first_step=0, workers=0):
    """The captions of each step of three epochs, with the gray levels that tell the images apart."""
    stage = ScheduledStage(steps=3, batch_size=BATCH, resolution=8, start=0)
    dataset = open_dataset(DataConfig(source, channels=1, device_megabytes=device_megabytes, workers=workers), 5)
    mesh = Mesh(np.array(jax.devices()[:1]), "data")
    shardings = NamedSharding(mesh, PartitionSpec("data")), NamedSharding(mesh, PartitionSpec())
    to_batch = jax.jit(lambda feed, step: dataset.to_batch(stage, feed, step, jax.random.split(jax.random.key(0), 2)))
    feeds = dataset.feeds(stage, first_step, *shardings)
    made = [jax.device_get(to_batch(feed, step)) for step, feed in enumerate(feeds, first_step)]
    return [(np.rint((b["images"][:, 0, 0, 0] + 1) * 127.5).astype(int).tolist(), b["captions"]) for b in made]


def test_words():
    assert split_words("A Bird's well-known song, 2 tones.") == ["a", "bird's", "well-known", "song", "2", "tones"]
    assert split_words("two cafe\u0301s") == ["two", "caf\u00e9s"]
    vocabulary = vocabulary_of(["a thin seven", "A bold three, leaning left"])
    assert vocabulary.words == ("a", "bold", "leaning", "left", "seven", "thin", "three")
    assert vocabulary.encode("THREE a", "here").tolist() == [7, 1, 0, 0, 0]
    for text, message in {
        "a thim seven": "here: no training caption has the word 'thim'; did you mean thin",
        "...": "here: '...' has no word",
        "a a a a a a": "here: 6 words, 5 in the longest training caption",
    }.items():
        with pytest.raises(UserError, match=re.escape(message)):
            vocabulary.encode(text, "here")


def test_each_epoch_takes_the_next_caption_wherever_the_batch_is_made(folder, tmp_path):
    archive = tmp_path / "set.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(folder.rglob("*.*")):
            file.write(path, path.relative_to(folder))
    name = f"captions:{folder}"
    vocabulary = open_source(name).captions.vocabulary
    assert vocabulary == Vocabulary(("a", "bird", "blue", "one", "quite", "red", "three", "two"), 3)
    for step, (levels, found) in enumerate(batches(name, 256)):
        rows = batch_rows(COUNT, 5, 0, BATCH, step)
        assert levels == rows.tolist()
        texts = [CAPTIONS[sorted(CAPTIONS)[row]] for row in rows]
        chosen = [own[(row + step) % len(own)] for row, own in zip(rows, texts, strict=True)]
        np.testing.assert_array_equal(found, [vocabulary.encode(text, "") for text in chosen])
    for other in (batches(name, 0), batches(f"captions:{archive}", 0), batches(name, 0, workers=1)):
        for (levels, found), (others, expected) in zip(other, batches(name, 256), strict=True):
            assert levels == others
            np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(batches(name, 0, first_step=2)[0][1], batches(name, 256)[2][1])


def test_vectors_of_any_encoder(folder):
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(4, 5))
    np.savez(folder / "clip.npz", files=["c/d.png", "a.png", "c/d.png", "b.png"], embeddings=vectors)
    captions = open_source(f"captions:{folder}:clip.npz").captions
    assert captions.counts.tolist() == [1, 1, 2]
    expected = vectors[[1, 3, 2]].astype(np.float32)  # at visit 1 the number 2 takes caption (2 + 1) % 2 of its two
    np.testing.assert_array_equal(captions.of(np.arange(3), visit=1), expected)
    assert batches(f"captions:{folder}:clip.npz", 256)[0][1].shape == (BATCH, 5)
    for changes, message in [
        ({"files": ["a.png", "b.png"]}, "`files` is <U5 [2]; expected the names of 4 image files"),
        ({"files": np.array([None, 1, 2, 3])}, "not a plain .npz of arrays"),
        ({"embeddings": vectors[:, 0]}, "`embeddings` is float64 [4]; expected floats [captions, features]"),
        ({"embeddings": vectors * [[1], [1], [np.nan], [1]]}, "`embeddings`[2] has numbers that are not finite"),
        ({"files": ["a.png", "a.png", "b.png", "b.png"]}, "no vector for 1 of 3 images, c/d.png first"),
        ({"files": ["a.png", "x.png", "b.png", "b.png"]}, "files[1]: no image 'x.png' is there"),
    ]:
        good = {"files": ["c/d.png", "a.png", "c/d.png", "b.png"], "embeddings": vectors}
        np.savez(folder / "bad.npz", **(good | changes))
        with pytest.raises(UserError, match=re.escape(f"folder:{folder}/bad.npz: {message}")):
            open_source(f"captions:{folder}:bad.npz")


def _archive(compression=zipfile.ZIP_STORED, **members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return stream.getvalue()


def _npy(shape):
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header


def test_bytes_that_are_no_vectors_are_refused():
    saved = io.BytesIO()
    np.save(saved, np.zeros((2, 4), np.float32))
    lzma = bytearray(_archive(zipfile.ZIP_LZMA, embeddings=_npy((2, 4)) + bytes(32)))
    lzma[60:70] = b"\xff" * 10
    for data in (
        saved.getvalue(),  # of numpy.save, the likeliest mistake
        _archive(embeddings=b"text"),
        _archive(embeddings=_npy((10**12, 10))),
        _archive(embeddings=_npy((10**30, 10))),
        _archive(embeddings=b"\x93NUMPY\x01\x00\x10\x00" + b"(" * 16),
        bytes(lzma),
    ):
        with pytest.raises(UserError, match=r"file.npz: not a plain .npz of arrays \("):
            load_arrays("file.npz", data)
    large = io.BytesIO()
    np.savez(large, embeddings=np.array([[1.0], [1e300]]))
    with pytest.raises(UserError, match=r"`embeddings`\[1\] has numbers that are not finite in float32"):
        load_arrays("file.npz", large.getvalue())


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (None, "has no captions.csv; add one with the columns file,caption"),
        ("file,text\na.png,x\n", "line 1: its columns are ['file', 'text']; expected file,caption"),
        ("file,caption,label\na.png,x,1\n", "line 1: its columns are ['file', 'caption', 'label']"),
        ("file,caption\na.png,red\nx.png,blue\n", "line 3: no image 'x.png' is there"),
        ("file,caption\na.png,red, green\n", "line 2: 3 columns, expected 2; put quotes around a text with commas"),
        ("file,caption\na.png,red\nb.png, .\n", "line 3: b.png has no caption"),
        ('file,caption\na.png,"red\n', "not CSV (unexpected end of data)"),
        ('file,caption\na.png,"red"x\n', "line 2: not CSV"),
        ("file,caption\na.png," + "red " * 129, "line 2: the caption of a.png has 129 words; expected at most 128"),
        ("file,caption\n", "holds no caption"),
        ("file,caption\na.png,red\nb.png,blue\n", "no caption for 1 of 3 images, c/d.png first"),
        (b"file,caption\na.png,\xff\xfe\n", "cannot be read as UTF-8 text"),
    ],
)
def test_a_bad_table_is_refused_by_file_and_line(folder, table, message):
    path = folder / "captions.csv"
    path.unlink()
    if table is not None:
        path.write_bytes(table if isinstance(table, bytes) else table.encode())
    with pytest.raises(UserError) as refusal:
        open_source(f"captions:{folder}")
    place = f"folder:{folder}/captions.csv: " if table is not None else f"folder:{folder}: "
    assert str(refusal.value).startswith(place)
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_broken_images_take_their_captions_with_them(folder):
    (folder / "b.png").write_bytes(b"no image")
    dataset = open_dataset(DataConfig(f"captions:{folder}", channels=1, on_error="skip"), 0)
    vocabulary, found = dataset.vocabulary, dataset.example_batch(2, 8)["captions"]
    np.testing.assert_array_equal(found, [vocabulary.encode(text, "") for text in ("a red bird", "two")])


def test_commands_know_captions(folder, tmp_path, capsys):
    assert main(["inspect", "--source", f"captions:{folder}", "--out", f"{tmp_path}/sheet.png"]) == 0
    assert "captions: 6, 1 to 3 an image, of 8 different words, 3 in the longest" in capsys.readouterr().out
    arguments = ["--source", f"captions:{folder}", "--out", f"{tmp_path}/records", "--resolution", "8"]
    with pytest.raises(UserError, match="prepared data sets hold no captions"):
        main(["prepare", *arguments])
    assert not (tmp_path / "records").exists()


def bars(widths, shear):
    """Anti-aliased bars of the given widths through the middle, moved by `shear` pixels right for each pixel up."""
    images = []
    for width in widths:
        image = Image.new("L", (28 * 8, 28 * 8))
        top, bottom = (112 + shear * 64, 48), (112 - shear * 64, 176)
        half = 4 * width
        ImageDraw.Draw(image).polygon(
            [(top[0] - half, 48), (top[0] + half, 48), (bottom[0] + half, 176), (bottom[0] - half, 176)], fill=255
        )
        images.append(np.asarray(image.resize((28, 28), Image.Resampling.BOX)))
    return np.stack(images)


def test_stroke_widths_and_slants_are_those_of_drawn_bars():
    widths = np.array([2.0, 3.0, 4.0])
    # Pillow fills the outline too: 1/8 pixel more each way. A bar of length l has an outline of 2 (l + w), so that
    # 2 area / outline is l w / (l + w); differences of whole pixels round its corners off by up to 3 %.
    length, wide = 16.125, widths + 0.125
    expected = length * wide / (length + wide)
    np.testing.assert_allclose(digit_captions.stroke_widths(bars(widths, 0.0)), expected, rtol=0.05)
    for shear in (-0.5, 0.0, 0.5):
        # mu11 / mu02 is the shear of a parallelogram exactly; the polygon lies on a grid of 1/8 pixel
        np.testing.assert_allclose(digit_captions.slants(bars(widths, shear)), shear, atol=0.02)


def test_digits_are_captioned_by_what_is_measured():
    source, plain = open_source("mnist5k-captions"), open_source("mnist5k")
    texts = source.captions.texts
    assert len(texts) == 10_000
    assert texts[2 * 17 + 1] == " ".join(w for w in texts[2 * 17].split()[:4] if w not in ("upright", "leaning"))
    assert {text.split()[2] for text in texts[1::2]} == set(digit_captions.DIGITS)
    widths = digit_captions.stroke_widths(plain.images[..., 0])
    for digit in range(10):
        of_digit = plain.labels == digit
        thin = np.array([text.startswith("a thin") for text in texts[::2]])
        # Thirds of 500 images; values equal to a limit fall to one side.
        assert abs((thin & of_digit).sum() - 500 / 3) < 2
        assert widths[thin & of_digit].max() < widths[~thin & of_digit].min()
    assert source.captions.vocabulary.length == 5
    assert len(source.captions.vocabulary.words) == 18
