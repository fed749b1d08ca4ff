"""A run goes to the Hub as a folder with a card, and comes back from a stub of it as it was."""

import contextlib
import http.server
import json
import shutil
import threading
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

import jax
import numpy as np
import pytest
from huggingface_hub import ModelCard, constants

import jgan
from jgan import sample
from jgan.errors import UserError
from jgan.hub import __main__ as card_command
from jgan.hub.card import escaped
from jgan.rundir.atomic_files import write_json

COMMIT = "0123456789abcdef" * 2 + "01234567"
HOSTILE = "cats|<b>`dogs`\n# owned 😀"


class Hub(http.server.BaseHTTPRequestHandler):
    """What huggingface_hub asks for, of one repository: me/digits."""

    def __init__(self, folder, names, asked, *args):
        self.folder, self.names, self.asked = folder, names, asked
        super().__init__(*args)

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = unquote(urlsplit(self.path).path)
        self.asked.append(path)
        if path in ("/api/models/me/digits", *(f"/api/models/me/digits/revision/{name}" for name in ("main", COMMIT))):
            files = [{"rfilename": name, "size": 1} for name in self.names]
            return self._answer(json.dumps({"id": "me/digits", "sha": COMMIT, "siblings": files}).encode())
        if path == f"/api/models/me/digits/tree/{COMMIT}":
            return self._answer(
                json.dumps([{"type": "file", "path": name, "size": 1, "oid": name} for name in self.names]).encode()
            )
        prefix = f"/me/digits/resolve/{COMMIT}/"
        if path.startswith(prefix) and (self.folder / path.removeprefix(prefix)).is_file():
            return self._answer((self.folder / path.removeprefix(prefix)).read_bytes())
        return self._answer(b'{"error": "not here"}', 404)

    def _answer(self, content, code=200):
        self.send_response(code)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{hash(content)}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, *_):
        """Quiet."""


@contextlib.contextmanager
def serving(folder, monkeypatch, names=None):
    """A stub of the Hub with the files of a folder; gives what it was asked."""
    names = names or [str(path.relative_to(folder)) for path in sorted(folder.rglob("*")) if path.is_file()]
    asked = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Hub, folder, names, asked))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", constants.ENDPOINT + "/{repo_id}/resolve/{revision}/{filename}"
    )
    try:
        yield asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def folder(workdir, tmp_path_factory):
    """What `jgan card` makes of a run that was measured."""
    run = tmp_path_factory.mktemp("measured") / "run"
    shutil.copytree(workdir, run)
    (run / "eval").mkdir()
    extractors = {"lite": {"weights_sha256": "ab" * 32, "dtype": "float32"}}
    measured = {"scores": {"fd_lite": 12.5}, "images": {"count": 500, "step": 12}, "extractors": extractors, "seed": 3}
    write_json(run / "eval" / "eval.json", measured)
    notes = run.parent / "notes.md"
    notes.write_text("Made for a *test*.")
    flags = ["--repo", "me/digits", "--license", "apache-2.0", "--data_name", HOSTILE, "--notes", str(notes)]
    assert card_command.main(["--workdir", str(run), "--out", str(run.parent / "card"), *flags]) == 0
    return run.parent / "card"


def test_the_card_is_the_hubs_and_says_what_is_known(folder):
    card = ModelCard.load(folder / "README.md")
    assert card.data.license == "apache-2.0"
    assert card.data.pipeline_tag == "unconditional-image-generation"
    assert (folder / "samples.png").is_file()
    (result,) = card.data.eval_results
    assert (result.metric_type, result.metric_value, result.dataset_name) == ("fd_lite", 12.5, HOSTILE)
    text = card.text
    assert "\n# owned" not in text
    assert "<b>" not in text
    assert "Made for a *test*." in text
    assert "| fd\\_lite | 12.5 | images 500; step 12; extractor lite, float32, weights abababab; seed 3" in text
    assert "Of the training data: not stated." in text
    parameters = sum(leaf.size for leaf in jax.tree.leaves(jgan.open(folder).variables["params"]))
    assert f"{parameters:,}" in text


def test_text_of_others_is_no_markup():
    assert escaped("a|b\n![x](y) <i>") == r"a\|b \!\[x\](y) \<i\>"


def test_a_run_comes_back_from_the_hub_as_it_was(folder, workdir, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with serving(folder, monkeypatch) as asked:
        run = jgan.open("hf://me/digits")
        assert not [path for path in asked if path.endswith("samples.png")]
        del asked[:]
        assert jgan.open("hf://me/digits").workdir == run.workdir
        assert not [path for path in asked if "resolve" in path], "it is there"
    images = jgan.open(workdir).sample(3)
    np.testing.assert_array_equal(run.sample(3), images)
    with pytest.raises(UserError, match=rf"cannot be read .*fetched before: hf://me/digits@{COMMIT}"):
        jgan.open("hf://me/digits")
    np.testing.assert_array_equal(jgan.open(f"hf://me/digits@{COMMIT}").sample(3), images)
    with pytest.raises(UserError, match="--out: needed"):
        sample.main(["--workdir", f"hf://me/digits@{COMMIT}"])
    out = tmp_path / "out"
    assert sample.main(["--workdir", f"hf://me/digits@{COMMIT}", "--out", str(out), "--num", "2"]) == 0


def test_what_is_no_run_or_would_leave_its_folder_is_not_fetched(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with (
        serving(folder, monkeypatch, ["README.md", "model.pkl"]),
        pytest.raises(UserError, match="holds no run of jgan"),
    ):
        jgan.open("hf://me/digits")
    names = ["config.json", "checkpoints/../../../../evil.json", "/checkpoints/x", "checkpoints//x", "eval/..\\x.json"]
    for served, message in (
        (["README.md", "model.pkl"], "holds no run of jgan"),
        (names, "holds no run of jgan"),
        (["config.json", "checkpoints/gone"], "fetched whole"),
    ):
        with serving(folder, monkeypatch, served), pytest.raises(UserError, match=message):
            jgan.open("hf://me/digits")
    assert not list(Path(tmp_path).rglob("evil.json"))
    for text in ("hf://me", "hf://me/../x", "hf:///x", "hf://me/x/y", "hf://me/x@../y", "hf://me/x@"):
        with pytest.raises(UserError, match="expected hf://owner/name"):
            jgan.open(text)
    with pytest.raises(UserError, match="an address is not"):
        jgan.open("gs://bucket/run")


def test_a_folder_is_written_whole_or_not_at_all(workdir, tmp_path):
    out = tmp_path / "there"
    out.mkdir()
    (out / "mine").write_text("")
    flags = ["--workdir", str(workdir), "--out"]
    refused = {
        "is there already": [*flags, str(out)],
        "expected an identifier": [*flags, str(tmp_path / "a"), "--license", "my own!"],
        "expected owner/name": [*flags, str(tmp_path / "a"), "--repo", "digits"],
        "no checkpoint of it": [*flags, str(tmp_path / "a"), "--step", "5"],
        "--notes": [*flags, str(tmp_path / "a"), "--notes", str(tmp_path / "no.md")],
        "--picture": [*flags, str(tmp_path / "a"), "--picture", str(tmp_path / "no.png")],
    }
    for message, argv in refused.items():
        with pytest.raises(UserError, match=message):
            card_command.main(argv)
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
