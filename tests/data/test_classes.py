"""Classes by name: their order, what names and numbers mean, and where two labelled sets meet."""

import numpy as np
import pytest

from jgan.data.__main__ import main as data
from jgan.data.classes import NEW, Numbering, in_order, numbering_of, numbers_of, split_labels
from jgan.data.config import DataConfig
from jgan.data.opening import open_dataset
from jgan.data.registry import open_source
from jgan.data.renumbered import renumbered
from jgan.types import UserError

# Of the twelve folders below, by the last version that told sets apart by names and sizes.
EARLIER_FINGERPRINT = "4266125dda4b0c8f28f829f3c5cb33c0"


def save(path, level):
    """A PGM: its bytes, and so its size, are the same whatever the library."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"P5 8 8 255\n" + bytes([level]) * 64)


@pytest.fixture
def twelve(tmp_path):
    """Folders 0 to 11 of two images each, whose levels tell their class."""
    for number in range(12):
        for image in range(2):
            save(tmp_path / "twelve" / str(number) / f"{image}.pgm", 20 * number + image)
    return tmp_path / "twelve"


def classes_seen(dataset):
    """{label: name of the folder} of a data set of the folders above."""
    batch = dataset.example_batch(24, 8)
    return dict(zip(batch["labels"].tolist(), (batch["images"][:, 0, 0, 0] // 20).tolist(), strict=True))


def test_names_that_are_numbers_sort_as_numbers():
    assert in_order(map(str, range(12))) == tuple(map(str, range(12)))
    assert in_order(["10", "9.5", "-1", "007", "9"]) == ("-1", "007", "9", "9.5", "10")
    assert in_order(["10", "9", "cat"]) == ("10", "9", "cat")  # as ever
    assert in_order(["1" * 30, "2"]) == ("2", "1" * 30)


NAMES = ("cat", "sea, calm", "7")


@pytest.mark.parametrize(
    ("text", "names", "expected"),
    [
        ("2,0", None, [2, 0]),
        ("cat,2", NAMES, [0, 2]),
        ('"sea, calm",7', NAMES, [1, 2]),
        ("2,11", tuple(map(str, range(12))), [2, 11]),
        ("2,3.0", ("1", "2", "3"), [1, 2]),  # names, not places
        ("02", ("01", "02"), [1]),
        ("1", ("01", "02"), [0]),
    ],
)
def test_labels_are_names_or_numbers(text, names, expected):
    assert numbers_of(split_labels(text), names, len(names or "12345"), "--labels") == expected


@pytest.mark.parametrize(
    ("labels", "names", "message"),
    [
        ([3, 10], None, r"--labels=3,10: 10 is not a class; expected 0 to 9"),
        (["x"], tuple(map(str, range(10))), r"--labels=x: expected numbers separated by commas"),
        (["cta"], NAMES, r"cta is not a class; did you mean cat\?"),
        (["cat", ""], NAMES, r"--labels=cat,: an empty name is not a class; expected one of 7, cat"),
        ([3], NAMES, r"--labels=3: 3 is not a class; expected one of 7, cat"),
        ([0], ("1", "2"), r"0 is not a class; expected one of 1, 2"),
        ([], None, r"--labels: expected at least one class"),
        (["1.5"], None, r"1\.5 is not a class"),
        (["9" * 5000], None, r"is not a class|expected numbers"),
    ],
)
def test_what_is_no_class_is_refused(labels, names, message):
    with pytest.raises(UserError, match=message):
        numbers_of(labels, names, 10 if names is None else len(names), "--labels")


def test_a_record_holds_the_numbering():
    for numbering in (NEW, Numbering(("a", "b")), Numbering(("b", "a"), earlier=True)):
        assert numbering_of({"classes": numbering.to_data()}) == numbering
    assert numbering_of({}) == Numbering(None, earlier=True)
    for bad in (3, [], {}, {"names": 3, "earlier": False}, {"names": ["a", "a"], "earlier": False}, {"names": [1]}):
        with pytest.raises(UserError, match="classes"):
            numbering_of({"classes": bad})


def test_runs_keep_the_numbers_that_they_were_begun_with(twelve):
    new, earlier = (open_dataset(DataConfig(f"folder:{twelve}"), 0, numbering=each) for each in (NEW, numbering_of({})))
    assert classes_seen(new) == {number: number for number in range(12)}
    in_order_of_text = sorted(map(str, range(12)))
    assert classes_seen(earlier) == {place: int(name) for place, name in enumerate(in_order_of_text)}
    assert earlier.fingerprint == EARLIER_FINGERPRINT != new.fingerprint
    # What an earlier run's next checkpoint says means the same.
    again = Numbering(earlier.class_names, earlier=True)
    later = open_dataset(DataConfig(f"folder:{twelve}"), 0, numbering=again)
    assert (classes_seen(later), later.fingerprint) == (classes_seen(earlier), EARLIER_FINGERPRINT)
    save(twelve / "12" / "0.pgm", 240)
    with pytest.raises(UserError, match=r"has the class '12', which is not among '0', '1', '10'.* matched by name"):
        open_dataset(DataConfig(f"folder:{twelve}"), 0, numbering=again)


def test_the_fingerprint_is_of_contents(twelve, tmp_path):
    def fingerprint():
        return open_dataset(DataConfig(f"folder:{twelve}"), 0).fingerprint

    before = fingerprint()
    assert open_source(f"folder:{twelve}").fingerprint == before  # whoever reads the files
    save(twelve / "3" / "0.pgm", 61)
    assert fingerprint() != before
    save(twelve / "3" / "0.pgm", 60)
    assert fingerprint() == before
    (twelve / "3").rename(twelve / "three")
    assert fingerprint() != before


def test_sets_are_matched_by_name(tmp_path):
    for name, level in {"cat": 1, "dog": 2, "fox": 3}.items():
        save(tmp_path / "some" / name / "a.pgm", level)
    some = open_source(f"folder:{tmp_path}/some")
    there = renumbered(some, ("ant", "fox", "dog", "cat"), "--reference")
    assert [(int(np.asarray(image)[0, 0]), label) for image, label in map(there.read, range(3))] == [
        (1, 3),
        (2, 2),
        (3, 1),
    ]
    assert there.class_counts.tolist() == [0, 1, 1, 1]
    with pytest.raises(UserError, match=r"--reference: has the class 'fox'"):
        renumbered(some, ("cat", "dog"), "--reference")
    np.savez(tmp_path / "numbers.npz", images=np.zeros((2, 8, 8), np.uint8), labels=np.array([0, 2]))
    numbers = renumbered(open_source(f"npz:{tmp_path}/numbers.npz"), ("2", "1", "0"), "--test")
    assert [numbers.read(index)[1] for index in range(2)] == [2, 0]


def test_what_is_lost_is_said_at_the_start(tmp_path, caplog, capsys):
    root = tmp_path / "set"
    save(root / "cat" / "a.pgm", 1)
    save(root / "dog" / "a.pgm", 2)
    (root / "fox").mkdir()
    (root / "fox" / "a.heic").write_bytes(b"x")
    (root / "dog" / "broken.png").write_bytes(b"x")
    (root / "gnu").mkdir()
    (root / "gnu" / "broken.png").write_bytes(b"x")
    dataset = open_dataset(DataConfig(f"folder:{root}", on_error="skip"), 0)
    assert dataset.class_names == ("cat", "dog", "gnu")
    assert "the folder fox holds 1 file and no image that can be read, so it is no class (.heic)" in caplog.text
    assert "1 of 3 classes have no image of 2: gnu" in caplog.text
    (root / "labels.csv").write_text(
        "file,label\ncat/a.pgm,0\ndog/a.pgm,11000\ndog/broken.png,1\ngnu/broken.png,1\nno.png,5\n"
    )
    assert data(["inspect", "--source", f"folder:{root}"]) == 0
    shown = capsys.readouterr().out
    assert "1 of its rows name no image that is there, no.png first" in caplog.text
    assert "classes: 11,001\n" in shown
    assert ["11000", "11000", "1"] in map(str.split, shown.splitlines())
    assert "10,998 of 11,001 classes have no image of 4: 2, 3, 4, 5, 6 and 10,993 more" in shown


def test_long_fields_of_tables_are_told(tmp_path):
    save(tmp_path / "set" / "a.pgm", 1)
    table = tmp_path / "set" / "labels.csv"
    table.write_text(f'file,label\n"{"a" * 200_000}",1\n')
    with pytest.raises(UserError, match=r"labels\.csv: line \d: not CSV \(field larger than field limit"):
        open_source(f"folder:{tmp_path}/set")
    table.write_text(f"file,label\na.pgm,{'9' * 5000}\nb.pgm,1\n")
    with pytest.raises(UserError, match=r"the label of a\.pgm is '9{20}' where others are numbers"):
        open_source(f"folder:{tmp_path}/set")
