"""The kinds of binary files that jgan reads: arrays, weights, images, archives, shards."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import pickletools
import shutil
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fuzz_mutations as mutations
import jax
import numpy as np
from fuzz_json import Target, inspected, of_file, prepared, save_images
from hypothesis import strategies as st
from PIL import Image

from jgan.data.registry import open_source
from jgan.data.split import split
from jgan.inference.given_captions import texts_of_file, vectors_of_file
from jgan.interop.weights import read_weights
from jgan.metrics.classifier import Classifier, _initial_variables, load_classifier, save_classifier
from jgan.metrics.niqe import load_niqe
from jgan.photos.photo_files import read_photo

GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden"
IMAGES = {"png": {}, "jpg": {}, "webp": {}, "gif": {}, "bmp": {}, "tga": {}, "ppm": {}, "jp2": {}, "avif": {}}
TIFFS: tuple[dict[str, Any], ...] = ({}, {"compression": "tiff_lzw"}, {"compression": "tiff_deflate"})
DTYPES = ("<f4", ">f4", "<f8", "|u1", "<i8", "|b1", "<c8", "|O", "<U3", "|V8", "<M8[s]", "<f2", "<f4,<f4", "x", "<f99")


def _npz(arrays: dict[str, np.ndarray], *, packed: bool = False) -> bytes:
    stream = io.BytesIO()
    contents: dict[str, Any] = arrays
    (np.savez_compressed if packed else np.savez)(stream, **contents)
    return stream.getvalue()


@st.composite
def _zips(draw: mutations.Draw, members: dict[str, bytes]) -> bytes:
    """A zip whose members have odd names, odd contents, or are there twice."""
    stream, method = io.BytesIO(), draw(st.sampled_from((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w", method) as archive:
        warnings.simplefilter("ignore")  # of names that are there twice
        for name, content in members.items():
            how = draw(st.integers(0, 6))
            odd = draw(st.sampled_from(mutations.TEXTS)).encode("utf-8", "replace").decode()[:60_000]
            name = odd if how == 0 else f"{odd}/{name}" if how == 1 else name.replace("/", "\\") if how == 2 else name
            content = draw(mutations.damaged(content)) if how in (3, 4) else content
            entry = zipfile.ZipInfo(name or "x")
            entry.compress_type = method
            archive.writestr(entry, content)
    return stream.getvalue()


@st.composite
def _headers(draw: mutations.Draw, arrays: dict[str, np.ndarray]) -> bytes:
    """An .npz whose headers say another shape, order or type than the numbers have."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, array in arrays.items():
            size = st.sampled_from((*array.shape, 0, -1, 1, 2**31, 2**40, 2**62, 2**64, True, 1.5, None, "3"))
            shape: Any = tuple(draw(st.lists(size, max_size=5))) if draw(st.booleans()) else array.shape
            said: dict[str, Any] = {"descr": array.dtype.str, "fortran_order": False, "shape": shape}
            field = draw(st.sampled_from(("descr", "fortran_order", "shape", "more")))
            if draw(st.booleans()):
                values = st.sampled_from(DTYPES) if field == "descr" else st.sampled_from((1, None, "x", (), [1], {}))
                said[field] = draw(values)
            header = repr(said).encode() + b"\n"
            version = draw(st.sampled_from(((1, 0), (2, 0), (3, 0), (9, 9))))
            length = struct.pack("<H" if version == (1, 0) else "<I", len(header))
            archive.writestr(f"{name}.npy", b"\x93NUMPY" + bytes(version) + length + header + array.tobytes())
    return stream.getvalue()


def npz_files(arrays: dict[str, np.ndarray]) -> st.SearchStrategy[bytes]:
    """Bytes of .npz files that are nearly the arrays."""
    other = {name: array if array.dtype.kind == "U" else array.astype(np.float64) for name, array in arrays.items()}
    less = [{key: array for key, array in arrays.items() if key != name} for name in arrays]
    forms = [_npz(arrays), _npz(arrays, packed=True), _npz(other), *map(_npz, less)]
    damaged = st.sampled_from(forms).flatmap(mutations.damaged)
    with zipfile.ZipFile(io.BytesIO(forms[0])) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    return st.one_of(_headers(arrays), _headers(arrays), damaged, damaged, _zips(members), st.sampled_from(forms))


def npz_data(folder: Path) -> Target:
    """Images and labels."""
    arrays = {"images": np.arange(4 * 8 * 8 * 3, dtype=np.uint8).reshape(4, 8, 8, 3), "labels": np.arange(4) % 2}
    path = folder / "data.npz"
    return of_file(path, npz_files(arrays), inspected(f"npz:{path}"))


def npz_captions(folder: Path) -> Target:
    """Vectors of captions beside their images."""
    save_images(folder / "images", ["a.png", "b.png"])
    arrays = {"files": np.array(["a.png", "b.png"]), "embeddings": np.ones((2, 4), np.float32)}
    path = folder / "images/vectors.npz"
    return of_file(path, npz_files(arrays), inspected(f"captions:{folder}/images:vectors.npz"))


def embeddings(folder: Path) -> Target:
    """What `jgan sample --embeddings` takes."""
    path = folder / "embeddings.npz"
    return of_file(path, npz_files({"embeddings": np.ones((2, 4), np.float32)}), _called(vectors_of_file(path).vectors))


def _called(read: Callable[[], object] | None) -> Callable[[], object]:
    assert read is not None, "of this kind of captions"
    return read


def caption_texts(folder: Path) -> Target:
    """What `jgan sample --captions` takes."""
    path = folder / "captions.txt"
    return of_file(path, mutations.texts("a thin seven\n\na bold three\n"), _called(texts_of_file(path).texts))


def classifier(folder: Path) -> Target:
    """A stored classifier: its arrays, and the JSON in one of them."""
    variables = jax.tree.map(np.asarray, _initial_variables(jax.random.key(0), num_classes=2, shape=(16, 16, 1)))
    path = folder / "classifier.npz"
    save_classifier(path, Classifier(variables, 2, 16, 1, class_names=("a", "b"), accuracy=0.9))
    with np.load(path) as file:
        arrays = dict(file)
    about = json.loads(arrays["about"].tobytes())

    def with_about(text: bytes) -> bytes:
        return _npz(arrays | {"about": np.frombuffer(text, np.uint8)})

    inputs = st.one_of(mutations.json_files(about).map(with_about), mutations.damaged(path.read_bytes()))
    return of_file(path, inputs, lambda: load_classifier(path))


def niqe_parameters(folder: Path) -> Target:
    """What `jgan compare --niqe_params` takes."""
    path = folder / "niqe.npz"
    arrays = {"mu_pris_param": np.ones((1, 36)), "cov_pris_param": np.eye(36), "gaussian_window": np.ones((7, 7)) / 49}
    return of_file(path, npz_files(arrays), lambda: load_niqe(path))


def npz_weights(folder: Path) -> Target:
    """Weights in an .npz."""
    path = folder / "weights.npz"
    return of_file(path, npz_files({"a": np.arange(6.0), "b": np.eye(2, dtype=np.int32)}), lambda: read_weights(path))


def safetensors(folder: Path) -> Target:
    """Weights in a .safetensors: its header edited, its length too."""
    path = folder / "weights.safetensors"
    entries = {
        "__metadata__": {"format": "pt"},
        "a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
        "b": {"dtype": "BF16", "shape": [3], "data_offsets": [16, 22]},
    }

    def whole(header: bytes) -> bytes:
        return struct.pack("<Q", len(header)) + header + bytes(22)

    plain = whole(json.dumps(entries).encode())
    inputs = st.one_of(mutations.json_files(entries).map(whole), mutations.damaged(plain))
    return of_file(path, inputs, lambda: read_weights(path))


@st.composite
def _pickles(draw: mutations.Draw, data: bytes) -> bytes:
    """A pickle with instructions left out, doubled, moved, or of another kind."""
    places = [place for _, _, place in pickletools.genops(data) if place is not None]
    parts = [data[start:end] for start, end in zip(places, [*places[1:], len(data)], strict=True)]
    odd = [b"cos\nsystem\n", b"cbuiltins\neval\n", b"R", b"b", b"}", b"]", b"(", b"t", b"s", b"u", b"N", b"0", b"2"]
    odd += [
        b"\x81",
        b"\x93",
        b"\x85",
        b"Q",
        b"K\x07",
        b"J\xff\xff\xff\xff",
        b"\x8a\x01\xff",
        b"X\x01\x00\x00\x00a",
        b".",
    ]
    odd += [
        b"h\x00",
        b"j\xff\xff\xff\x7f",
        b"ctorch\nFloatStorage\n",
        b"cnumpy\ndtype\n",
        b"G" + bytes(8),
        b"I9" * 9 + b"\n",
    ]
    for _ in range(draw(st.integers(1, 4))):
        place, how = draw(st.integers(0, len(parts) - 1)), draw(st.integers(0, 4))
        if how == 0 and len(parts) > 1:
            del parts[place]
        elif how == 1:
            parts.insert(place, parts[draw(st.integers(0, len(parts) - 1))])
        elif how == 2:
            parts[place] = draw(st.sampled_from(odd))
        elif how == 3:
            parts.insert(place, draw(st.sampled_from(odd)))
        else:
            parts[place] = draw(mutations.damaged(parts[place]))
    return b"".join(parts)


def torch_zip(folder: Path) -> Target:
    """What torch.save writes since 1.6: the pickle in it altered, other members, and bytes of the whole."""
    path, saved = folder / "weights.pth", (GOLDEN / "weights_zip.pth").read_bytes()
    with zipfile.ZipFile(io.BytesIO(saved)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    at = next(name for name in members if name.endswith("data.pkl"))

    def with_pickle(data: bytes) -> bytes:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            for name, content in (members | {at: data}).items():
                archive.writestr(name, content)
        return stream.getvalue()

    altered = _pickles(members[at]).map(with_pickle)
    inputs = st.one_of(altered, altered, mutations.damaged(saved), _zips(members))
    return of_file(path, inputs, lambda: read_weights(path))


def torch_stream(folder: Path) -> Target:
    """What torch.save wrote before: pickles, one behind the other, then the numbers."""
    path, saved = folder / "weights.pth", (GOLDEN / "weights_stream.pth").read_bytes()
    return of_file(path, mutations.damaged(saved), lambda: read_weights(path))


def plain_pickles(folder: Path) -> Target:
    """Arrays pickled."""
    arrays = {"net": {"a": np.arange(6.0).reshape(2, 3), "b": np.ones(2, np.float16)}, "epoch": 3, "seen": {1, 2}}
    saved = [pickle.dumps(arrays, protocol) for protocol in (2, 4, 5)]
    altered = [_pickles(data) for data in saved]
    inputs = st.one_of(*altered, *map(mutations.damaged, saved))
    path = folder / "weights.ckpt"
    return of_file(path, inputs, lambda: read_weights(path))


def idx(folder: Path) -> Target:
    """MNIST's files, plain or gzipped."""
    images = b"\0\0\x08\x03" + struct.pack(">3I", 4, 8, 8) + bytes(range(256))
    labels = b"\0\0\x08\x01" + struct.pack(">I", 4) + bytes((0, 1, 0, 1))
    paths = [folder / "mnist" / f"train-{name}.gz" for name in ("images-idx3-ubyte", "labels-idx1-ubyte")]
    paths[0].parent.mkdir()

    def take(contents: tuple[bytes, bytes]) -> None:
        for path, content in zip(paths, contents, strict=True):
            path.write_bytes(content)
        inspected(f"idx:{paths[0].parent}")()

    def forms(data: bytes) -> st.SearchStrategy[bytes]:
        packed = gzip.compress(data, mtime=0)
        return st.one_of(st.just(packed), mutations.damaged(data).map(gzip.compress), mutations.damaged(packed))

    return Target(st.tuples(forms(images), forms(labels)), take, (str(folder / "mnist"),))


def _saved_images() -> list[bytes]:
    noise = np.random.default_rng(0).integers(0, 256, (16, 12, 4), np.uint8)
    forms: list[tuple[str, dict[str, Any]]] = [*IMAGES.items(), *(("tif", settings) for settings in TIFFS)]
    found = []
    for suffix, settings in forms:
        for mode in ("RGB", "L", "RGBA", "P", "I;16"):
            stream = io.BytesIO()
            image = Image.fromarray(noise).convert("L" if mode == "I;16" else mode)
            image = Image.fromarray(np.asarray(image, np.uint16) * 200) if mode == "I;16" else image
            try:
                image.save(stream, Image.registered_extensions()[f".{suffix}"], **settings)
            except (KeyError, OSError, ValueError, SystemError):  # not every format has every mode
                continue
            found.append(stream.getvalue())
    return found


def image_files(folder: Path) -> Target:
    """Encoded images, each beside a sound one: as data, and as the input of a translation."""
    save_images(folder / "images", ["sound.png"])
    path = folder / "images/odd.png"

    def read() -> None:
        inspected(f"folder:{folder}/images")()
        read_photo(path)

    return of_file(path, st.sampled_from(_saved_images()).flatmap(mutations.damaged), read)


def zip_data(folder: Path) -> Target:
    """Archives of images."""
    members = {f"{name}/{index}.png": data for name in "ab" for index, data in enumerate(_saved_images()[:2])}
    members["labels.csv"] = b"file,label\n" + b"".join(f"{name},1\n".encode() for name in members)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    path = folder / "images.zip"
    inputs = st.one_of(_zips(members), _zips(dict(list(members.items())[:4])), mutations.damaged(stream.getvalue()))
    return of_file(path, inputs, inspected(f"zip:{path}"))


def zip_pairs(folder: Path) -> Target:
    """Archives of pairs, written as two folders."""
    data = _saved_images()[0]
    members = {f"{side}/{name}.png": data for side in "AB" for name in ("x", "y")}
    path, out = folder / "pairs.zip", folder / "out"

    def read() -> None:
        shutil.rmtree(out, ignore_errors=True)
        split(open_source(f"pairs:{path}"), out)

    return of_file(path, _zips(members), read)._replace(names=(path.name, str(out), ".png"))


def shards(folder: Path) -> Target:
    """A shard of prepared data."""
    out = prepared(folder)
    path = next(out.glob("*.array_record"))
    target = of_file(path, mutations.damaged(path.read_bytes()), inspected(f"records:{out}"))
    return target._replace(names=(str(out),))


KINDS: dict[str, Callable[[Path], Target]] = {
    "npz: images": npz_data,
    "npz: vectors of captions": npz_captions,
    "npz: --embeddings": embeddings,
    "npz: classifier": classifier,
    "npz: NIQE": niqe_parameters,
    "npz: weights": npz_weights,
    "safetensors": safetensors,
    "pth, zip": torch_zip,
    "pth, stream": torch_stream,
    "pickles": plain_pickles,
    "idx": idx,
    "images": image_files,
    "zip of images": zip_data,
    "zip of pairs": zip_pairs,
    "shards": shards,
    "captions, text": caption_texts,
}
