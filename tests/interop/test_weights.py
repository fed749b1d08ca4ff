"""Reading weights: against torch.save's own files, and against files made to do harm."""

import argparse
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from golden_numbers import GOLDEN, load_script

from jgan.interop.weights import read_weights
from jgan.types import UserError

SAVED = ["weights_zip.pth", "weights_stream.pth"]
HARMFUL = "harm.txt"


# --- Files that are what they say ---


@pytest.mark.parametrize("name", SAVED)
def test_reads_what_pytorch_saved(name):
    """Views, offsets, tied weights, every kind of number, nested dictionaries and lists."""
    weights, expected = read_weights(GOLDEN / name), load_script("weights").expected()
    assert list(weights) == list(expected)
    for key, array in expected.items():
        dtype = jnp.bfloat16 if key.endswith("brain") else array.dtype
        assert weights[key].dtype == dtype, key
        assert weights[key].shape == array.shape, key
        np.testing.assert_array_equal(weights[key].astype(array.dtype), array, err_msg=key)
    assert np.shares_memory(weights["params_ema.conv.weight"], weights["params_ema.conv.tied"])
    assert not np.shares_memory(weights["params_ema.conv.weight"], weights["params_ema.half"])


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "stream"])
def test_reads_what_this_pytorch_saves(tmp_path, zipped):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.LSTM(4, 5))
    state = module.state_dict() | {"channels_last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)}
    torch.save(state, tmp_path / "saved.pth", _use_new_zipfile_serialization=zipped)
    weights = read_weights(tmp_path / "saved.pth")
    assert set(weights) == set(state)
    for name, tensor in state.items():
        np.testing.assert_array_equal(weights[name], tensor.numpy(), strict=True)


def test_reads_a_module_saved_whole():
    """As its state dict, of a class that is not here."""
    weights, expected = read_weights(GOLDEN / "weights_module.pth"), load_script("weights").expected_module()
    for key, array in expected.items():
        np.testing.assert_array_equal(weights[key], array, strict=True)
    assert weights.keys() - expected.keys() == {"outer.inner.1.num_batches_tracked"}


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("name", ["a.CKPT", "a.PTH", "a.pth.tar"])
def test_reads_pickles_of_arrays(tmp_path, protocol, name):
    """By every protocol, and under every name; numbers of numpy's and settings beside them are left out."""
    arrays = {
        "rows": np.arange(6.0).reshape(2, 3),
        "columns": np.asfortranarray(np.arange(6, dtype=np.float16).reshape(2, 3)),
        "big_endian": np.array([1, 2], ">i4"),
        "scalar": np.array(True),
        "empty": np.zeros((0, 2), np.float32),
    }
    beside = {"best": np.float64(3.0), "seen": {1, 2}, "options": argparse.Namespace(lr=1e-3, out=Path("runs"))}
    (tmp_path / name).write_bytes(pickle.dumps({"net": arrays, **beside}, protocol))
    weights = read_weights(tmp_path / name)
    assert list(weights) == [f"net.{key}" for key in arrays]
    for key, array in arrays.items():
        np.testing.assert_array_equal(weights[f"net.{key}"], array.astype(array.dtype.newbyteorder("=")), strict=True)


# --- Files that are not ---


class Harmful:
    """A pickle of it runs a command where it is loaded the usual way."""

    def __reduce__(self):
        return os.system, (f"echo harm > {HARMFUL}",)


def save_pickle(folder, data, format_, storages=(), compress=zipfile.ZIP_STORED):
    """The pickle in the place where torch.save puts a state dict; storages are (key, bytes, numbers)."""
    path = folder / f"{format_}.pth"
    if format_ == "zip":
        with zipfile.ZipFile(path, "w", compress) as archive:
            archive.writestr("archive/data.pkl", data)
            for key, content, _ in storages:
                archive.writestr(f"archive/data/{key}", content)
    else:
        head = [0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True}]
        stream = [*(pickle.dumps(part, 2) for part in head), data, pickle.dumps([key for key, _, _ in storages], 2)]
        stream += [struct.pack("<q", numbers) + content for _, content, numbers in storages]
        path.write_bytes(b"".join(stream))
    return path


both_formats = pytest.mark.parametrize("format_", ["zip", "stream"])


@both_formats
def test_runs_nothing(tmp_path, monkeypatch, format_):
    monkeypatch.chdir(tmp_path)
    data = pickle.dumps({"weight": Harmful()}, 2)
    pickle.loads(data)
    assert Path(HARMFUL).exists()  # the attack is a real one
    Path(HARMFUL).unlink()
    path = save_pickle(tmp_path, data, format_)
    with pytest.raises(UserError, match=rf"{path}: .*names (posix|nt)\.system"):
        read_weights(path)
    assert not Path(HARMFUL).exists()


@both_formats
@pytest.mark.parametrize(
    "harmful",
    [
        b"c__builtin__\neval\n(S'1'\ntR.",
        b"cmodels.dcgan\nGenerator\n(S'1'\ntR.",  # a class of a network: filled, never called
        b"c__main__\nload\n)R.",
        b"ctorch.nn.functional\nrelu\n(N}tR.",
        b"cfunctools\npartial\n.",
        b"cnumpy\nload\n.",
        b"cjgan.interop.weights\npickle.loads\n.",
        b"ctorch\nload\n.",
        b"ctorch._utils\n__builtins__\n.",
        b"(S'1'\ni__builtin__\neval\n.",  # INST, an older way to name a class
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",  # STACK_GLOBAL
    ],
)
def test_refuses_every_other_name(tmp_path, format_, harmful):
    with pytest.raises(UserError, match=r"its pickle names .*nothing ran"):
        read_weights(save_pickle(tmp_path, harmful, format_))


@both_formats
def test_a_pickle_cannot_alter_the_reader(tmp_path, format_):
    harmful = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\nN}X\x08\x00\x00\x00__code__K\x01s\x86b."
    with pytest.raises(UserError, match="alters what it names"):
        read_weights(save_pickle(tmp_path, harmful, format_))
    read_weights(GOLDEN / "weights_zip.pth")


def push(value):
    """Instructions of a pickle that leave the value on its stack."""
    return pickle.dumps(value, 2)[2:-1]


def push_tensor(shape=(4,), strides=(1,), offset=0, size=4, storage=b"ctorch\nFloatStorage\n", key="0", extra=b""):
    """The same for a tensor, of a storage of `size` numbers, as torch.save writes it."""
    pid = b"(" + push("storage") + storage + push(key) + push("cpu") + push(size) + extra + b"tQ"
    arguments = pid + push(offset) + push(shape) + push(strides) + push(False) + b"}"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + arguments + b"tR"


def save_tensor(folder, format_, *, content=b"\x00\x00\x80\x3f" * 4, numbers=4, **description):
    data = b"\x80\x02}" + push("weight") + push_tensor(**description) + b"s."
    return save_pickle(folder, data, format_, [("0", content, numbers)])


@both_formats
@pytest.mark.parametrize(
    ("description", "message"),
    [
        ({"shape": (5,)}, "weight of shape .* reaches beyond its storage of 4 numbers"),
        ({"offset": 1}, "reaches beyond"),
        ({"shape": (2, 2), "strides": (3, 1)}, "reaches beyond"),
        ({"shape": (2**40,), "strides": (0,)}, "reaches beyond"),
        ({"shape": (2**62, 2**62), "strides": (0, 0)}, "reaches beyond"),
        ({"shape": (0, 2**70), "strides": (1, 1)}, "cannot be made"),
        ({"shape": (1,) * 70, "strides": (1,) * 70}, "cannot be made"),
        ({"offset": -1}, "not whole numbers"),
        ({"strides": (-1,)}, "not whole numbers"),
        ({"strides": (1.0,)}, "not whole numbers"),
        ({"strides": ()}, "1 axes and 0 strides"),
        ({"shape": [4]}, "not described as a tensor is"),
        ({"size": 2**50, "shape": (2**50,)}, "cut short"),
        ({"size": -4}, "without a type, a name and a size"),
        ({"key": 7}, "without a type, a name and a size"),
        ({"storage": b"ctorch\nEvilStorage\n"}, r"names torch\.EvilStorage"),
        ({"storage": b"ccollections\nOrderedDict\n"}, "without a type"),
        ({"extra": push(("0", 0, 4))}, "other than a whole storage"),
    ],
    ids=str,
)
def test_refuses_tensors_that_are_not_in_the_file(tmp_path, format_, description, message):
    np.testing.assert_array_equal(read_weights(save_tensor(tmp_path, format_))["weight"], np.ones(4, np.float32))
    with pytest.raises(UserError, match=message):
        read_weights(save_tensor(tmp_path, format_, **description))


def nested(depth):
    """Two to the power of `depth` dictionaries, in a few bytes."""
    tree = {}
    for _ in range(depth):
        tree = {"a": tree, "b": tree}
    return pickle.dumps(tree, 2)


@both_formats
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (nested(60), "more names than the file has room for"),
        (b"\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s.", "more names than the file has room for"),  # holds itself
        (b"\x80\x02}r\xff\xff\xff\x7f.", "numbers 2147483647 objects"),  # 32 GiB in `pickle` before Python 3.14
        (b"\x80\x04\x8e\xff\xff\xff\xff\xff\x00\x00\x00.", "damaged or cut short"),  # 1 TiB of bytes
        (b"\x80\x02}" + push((1, 2)) + push_tensor() + b"s.", "neither a string nor a small number"),
        (b"\x80\x02}" + push(1) + push_tensor() + b"s" + push("1") + push_tensor() + b"s.", "two tensors are called 1"),
        (b"\x80\x02}N" + b"\x85" * 200_000 + b"Ns.", "nests objects deeper than 100"),  # its hash overflows the stack
        (b"\x80\x02}Nq\x00" + b"0h\x00\x85q\x00" * 200_000 + b"Ns.", "nests objects deeper than 100"),  # by its memo
        (b"\x80\x04}N" + b"\x94\x85" * 200_000 + b"Ns.", "nests objects deeper than 100"),
        (pickle.dumps({"epoch": 3}, 2), "damaged|no tensor in it|list of storages"),
        (pickle.dumps(None, 2), "no dictionary of tensors in it|list of storages"),
        (pickle.dumps(True, 2), "no dictionary of tensors in it|list of storages"),
        (pickle.dumps(0.5, 2), "no dictionary of tensors in it|list of storages"),
        (b"\x80\x02}", "cut short"),
        (b"0.", "damaged or cut short"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else value[:20],
)
def test_refuses_trees_that_do_not_end(tmp_path, format_, data, message):
    with pytest.raises(UserError, match=message):
        read_weights(save_pickle(tmp_path, data, format_, [("0", bytes(16), 4)] if b"Storage" in data else []))


def test_refuses_containers_that_lie(tmp_path):
    def refused(path, message):
        with pytest.raises(UserError, match=rf"{path}: .*{message}"):
            read_weights(path)

    tensor = b"\x80\x02}" + push("weight") + push_tensor() + b"s."
    storages = [("0", bytes(16), 4)]
    big = [*storages, ("1", bytes(10**6), 250_000)]
    refused(save_pickle(tmp_path, tensor, "zip", big, zipfile.ZIP_DEFLATED), "members unpack to")
    refused(save_pickle(tmp_path, tensor, "zip"), "archive/data/0 is missing")
    refused(save_pickle(tmp_path, tensor, "stream"), "list of storages")
    refused(save_pickle(tmp_path, tensor, "stream", [("0", bytes(16), 3)]), "has 3 numbers; its tensors expect 4")
    path = tmp_path / "other.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", tensor)
        archive.writestr("archive/byteorder", "big")
    refused(path, "big-endian")
    np.savez(tmp_path / "a.npz", a=np.zeros(2))
    refused((tmp_path / "a.npz").rename(tmp_path / "npz.pth"), "without PyTorch's data.pkl")
    path.write_bytes(pickle.dumps({"weight": 1}, 2))
    refused(path, "no tensor in it")
    path.write_bytes(pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(7, 2))
    refused(path, "not one of torch.save")
    path.write_bytes(tensor)
    refused(path, "tensors are not in the file")


def test_refuses_what_is_no_file_of_weights(tmp_path):
    (tmp_path / "folder.pth").mkdir()
    for name, message in {
        "folder.pth": "cannot read it",
        "missing.npz": "cannot read it .*No such file",
        "model.onnx": r"expected one of \.pth, \.pt, \.bin, .*\.npz, \.safetensors",
    }.items():
        with pytest.raises(UserError, match=rf"{name}: .*{message}"):
            read_weights(tmp_path / name)
    for name in ("text.pth", "text.pt", "text.npz", "text.safetensors"):
        for content in (b"", b"PK", b"PK\x03\x04", b"not weights at all, only a few words of English"):
            (tmp_path / name).write_bytes(content)
            with pytest.raises(UserError, match=rf"{name}: not weights that can be read"):
                read_weights(tmp_path / name)


@pytest.mark.parametrize("name", SAVED)
def test_reading_imports_no_torch(name):
    code = (
        f"import sys; from pathlib import Path; from jgan.interop.weights import read_weights; "
        f"read_weights(Path({str(GOLDEN / name)!r})); sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def push_array(shape=(4,), dtype=b"X\x02\x00\x00\x00f4", data=bytes(16)):
    """Instructions of a pickle that leave one of numpy's arrays on its stack."""
    made = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n" + push((0,)) + b"C\x01b" + b"tR"
    state = b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    kind = b"cnumpy\ndtype\n(" + dtype + b"\x89\x88tR(K\x03" + push("<") + state
    return made + b"(K\x01" + push(shape) + kind + b"\x89" + pickle.dumps(data, 3)[2:-1] + b"tb"


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ({"shape": (5,)}, "weight of shape .* is not the 16 bytes that it has"),
        ({"shape": (2**62, 2**62)}, "is not the 16 bytes"),
        ({"shape": (-4,)}, "not of whole numbers"),
        ({"shape": [4]}, "not described as an array"),
        ({"dtype": push("O")}, "holds an array of 'O'; expected numbers"),
        ({"dtype": push("f4,(1000000)f4")}, "expected numbers"),
        ({"dtype": push("f3")}, "cannot be made"),
        ({"dtype": push(7)}, "expected numbers"),
        ({"data": "text of no use at all"}, "not described as an array"),
    ],
    ids=str,
)
def test_refuses_arrays_that_are_not_in_the_file(tmp_path, description, message):
    path = tmp_path / "a.ckpt"
    path.write_bytes(b"\x80\x03}" + push("weight") + push_array() + b"s.")
    np.testing.assert_array_equal(read_weights(path)["weight"], np.zeros(4, np.float32))
    path.write_bytes(b"\x80\x03}" + push("weight") + push_array(**description) + b"s.")
    with pytest.raises(UserError, match=message):
        read_weights(path)


def global_call(module, name):
    """Instructions of a pickle that call what a module has under this name, without arguments."""
    return f"c{module}\n{name}\n)R".encode()


@pytest.mark.parametrize("name", ["network.pkl", "NETWORK.PKL", "network.pth"])
@pytest.mark.parametrize(
    "rebuilt", [("torch_utils.persistence", "_reconstruct_persistent_obj"), ("torch.storage", "_load_from_bytes")]
)
def test_networks_with_their_code_are_refused_with_the_way_to_a_state_dict(tmp_path, name, rebuilt):
    (tmp_path / name).write_bytes(b"\x80\x04}" + push("G_ema") + global_call(*rebuilt) + b"s.")
    with pytest.raises(UserError, match=r"with their code, .* docs/published-weights\.md has the script$"):
        read_weights(tmp_path / name)
