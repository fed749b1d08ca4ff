"""A command that is refused leaves nothing: no directory that it made, no first file of a run, no half of a set."""

import numpy as np
import pytest
import runs
import translation_runs
from conftest import use_devices
from PIL import Image
from run_directories import make_config, save_run

from jgan import cli
from jgan.config import Config
from jgan.data import prepare
from jgan.rundir.lock import LOCK, locked, writing_alone
from jgan.types import Stage, UserError

OTHER = """from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.families.vanilla import Discriminator, Generator
from jgan.games.latent import LatentGAN
from jgan.types import Stage


def get_config():
    game = LatentGAN(Generator(8, 1, (5,)), Discriminator((5,), bias=False), latent_dim=3)
    return Config(game=game, data=DataConfig("mnist5k", channels=1), stages=(Stage(1, 8, 8),))
"""
REFUSED = (  # each of them after the directory was made, or on the way to it
    "train --from gone --config other.py --workdir new/a",
    "train --from empty --config other.py --workdir new/a/b",
    "train --from run --keep_step --config other.py --workdir empty",
    "train --config other.py --config.data.source=folder:gone --workdir new",
    "train --config other.py --config.data.source=folder:broken --workdir new",
    "train --config other.py --config.evaluate_every=1 --config.evaluation.weights=gone.npz --workdir new",
    "train photos --config.evaluate_every=1 --config.evaluation.weights=gone.npz",
    "train photos --config.evaluate_every=1 --config.evaluation.weights=gone.npz --workdir new/a",
    "train photos --workdir long/" + 300 * "x",
    "sweep --config other.py --grid data.source=mnist5k,folder:gone --workdir new/a",
    "sweep --config other.py --metrics fd --config.evaluation.weights=gone.npz --workdir new/a",
    "sample --workdir run --step 7 --out new/a",
    "sample --workdir run --labels 3 --out new/a",
    "sample --workdir empty --out new/a",
    "translate --workdir both --direction a_to_b --input broken --out new/a",
    "translate --workdir both --direction a_to_b --input empty --out new/a",
    "translate --workdir both --input photos --out new/a",
    "upscale --workdir both --input photos --out new/a",
    "import-weights --config dcgan --generator weights.npz --workdir new/a",
    "export-weights --workdir run --format stylegan2 --out new/a",
    "evaluate --workdir run --metrics accuracy --out new/a",
    "evaluate --images photos --reference broken --metrics ms_ssim --out new/a",
    "evaluate --workdir empty --out new/a",
    "compare --images photos --reference broken --out new/a.json",
    "report --workdir gone --out new/a.html",
    "classifier --source folder:photos --out new/a.npz",
    "classifier --source folder:gone --out new/a.npz",
    "data inspect --source folder:gone --out new/a.png",
    "data prepare --source folder:broken --resolution 8 --workers 1 --out new/a",
    "data prepare --source pairs:pairs --resolution 8 --out new/a",
    "data split --source pairs:pairs --out new/a",
    "data split --source pairs:pairs --out empty",
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """What the command lines name."""
    directory = tmp_path_factory.mktemp("refused")
    with pytest.MonkeyPatch.context() as patch:
        use_devices(patch, 1)
        save_run(directory / "run", make_config())
        game, data = translation_runs.CONFIGS["both"]
        save_run(directory / "both", Config(game=game, data=data, stages=(Stage(1, 2, 32),)))
    random = np.random.default_rng(0)
    pairs = [f"pairs/{side}/{name}.png" for side in "AB" for name in "ab"]
    for name in (*(f"photos/{index}.png" for index in range(8)), *pairs):
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (32, 32, 3), np.uint8)).save(directory / name)
    (directory / "empty").mkdir()
    (directory / "broken").mkdir()
    for name in ("broken/a.png", "broken/b.png", "pairs/B/b.png"):
        (directory / name).write_bytes((directory / "photos/0.png").read_bytes()[:1000])
    (directory / "other.py").write_text(OTHER)
    np.savez(directory / "weights.npz", a=np.zeros(1))
    return directory


def write_all(source, form, shards, *_):
    """What the workers of `data prepare` do with broken images, without their start, which takes seconds."""
    for shard in shards:
        yield shard, prepare.Written(0, [f"{source.name(row)}: is broken" for row in shard.rows])


@pytest.mark.parametrize("line", REFUSED)
def test_a_refused_command_leaves_nothing(line, place, monkeypatch):
    monkeypatch.chdir(place)
    use_devices(monkeypatch, 1)
    monkeypatch.setattr(prepare, "_write_all", write_all)
    before = sorted(place.rglob("*"))
    name, *words = line.split()
    module = runs.module_of(cli.COMMANDS[name].module)
    with pytest.raises(UserError) as refusal:
        module.main(words)
    assert "\n" not in str(refusal.value)
    assert sorted(place.rglob("*")) == before


def _refused(directory, files):
    with locked(directory, {"config.json", "start.json"}):
        for name in ("start.json", *files):
            (directory / name).write_text("{}")
        raise UserError("no")


def test_what_others_have_stays(tmp_path):
    """Whether they are there before, come while a command looks, or write there themselves."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/config.json").write_text("{}")
    for directory, kept in ((tmp_path / "mine", ["config.json"]), (tmp_path / "new/a", ["note.txt"])):
        with pytest.raises(UserError, match="no"):
            _refused(directory, [] if directory.name == "mine" else ["note.txt"])
        assert set(kept) <= {path.name for path in directory.iterdir()}
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["config.json"]
    with writing_alone(tmp_path / "out"), locked(tmp_path / "run"):
        for again in (writing_alone(tmp_path / "out"), locked(tmp_path / "run", {"config.json"})):
            with pytest.raises(UserError, match="another process"), again:
                raise AssertionError
        assert (tmp_path / "run" / LOCK).is_file()
