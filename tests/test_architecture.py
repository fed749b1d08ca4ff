"""Who may import whom, read from the source: the table of docs/architecture.md."""

import ast
import functools
from pathlib import Path

import pytest
from tables import assert_rows, row_of

PACKAGE = Path(__file__).parent.parent / "jgan"

# Wings and modules of jgan, from the ground up, and what each may import. Nobody imports upwards.
# A row a wing; the commands may import all of them.
MAY_IMPORT = {
    "errors": set(),
    "types": set(),
    "untrusted": set(),
    "terminal": set(),
    "engine": set(),
    "rundir": set(),
    "layers": set(),
    "losses": set(),
    "augment": set(),
    "interop": {"layers", "rundir"},  # filters that files hold and layers have built in
    "tasks": {"layers"},
    "backbones": {"interop", "layers", "rundir"},
    "metrics": {"backbones", "engine", "interop", "layers", "rundir"},  # some train a classifier
    "data": {"interop", "rundir", "tasks"},  # vectors of captions
    "games": {"augment", "backbones", "engine", "layers", "losses"},  # unrolling looks through the optimizer's steps
    "families": {"games", "layers", "losses"},
    "photos": {"data", "rundir", "tasks"},
    "configuration": {"rundir"},
    "config": {"configuration", "data", "engine", "metrics", "rundir"},
    "recipes": {"config", "data", "engine", "families", "games", "tasks"},
    "setup": {"config", "data", "engine", "rundir"},
    "reports": {"config", "metrics", "rundir"},
    "ablation": {"config", "reports"},
    "command": {"engine", "rundir"},
    "cli": {"command"},
    "inference": {"config", "configuration", "data", "engine", "games", "layers", "photos", "rundir", "setup", "tasks"},
    "image_flags": {"command", "inference"},
    "evaluation": {
        "config",
        "configuration",
        "data",
        "engine",
        "games",
        "inference",
        "interop",
        "metrics",
        "rundir",
        "setup",
    },
    "latents": {
        "backbones",
        "command",
        "config",
        "configuration",
        "data",
        "engine",
        "games",
        "inference",
        "interop",
        "layers",
        "metrics",
        "photos",
        "rundir",
    },
    "published": {"config", "data", "engine", "families", "inference", "interop", "rundir", "setup"},
    "export": {"command", "config", "configuration", "engine", "games", "inference", "interop", "layers", "rundir"},
    "autoconfig": {"config", "configuration", "data", "engine", "families", "rundir", "tasks"},
    "training": {"config", "data", "engine", "evaluation", "rundir", "setup"},
    "explore": {"config", "inference", "latents", "photos", "reports", "rundir"},
    "hub": {"config", "data", "inference", "reports", "rundir"},
    "api": {
        "autoconfig",
        "config",
        "configuration",
        "engine",
        "evaluation",
        "export",
        "inference",
        "latents",
        "metrics",
        "photos",
        "rundir",
        "training",
    },
}
# All may import these, and each of them those before it.
EVERYBODYS = ("__version__", "errors", "types", "untrusted", "terminal")
TABLE = "MAY_IMPORT (or COMMANDS) of tests/test_architecture.py"
COMMANDS = {"classifier", "compare", "evaluate", "export_weights", "import_weights", "main"}
COMMANDS |= {
    "__main__",
    "data/__main__",
    "export/__main__",
    "explore/__main__",
    "hub/__main__",
    "latents/__main__",
    "list_configs",
    "report",
    "sample",
    "sweep",
    "translate",
    "upscale",
}
THIRD_PARTY = {  # libraries that one part alone may import
    "orbax": {"rundir"},
    "tensorstore": {"rundir"},
    "grain": {"data"},
    "tensorflow_datasets": {"data"},
    "tensorboardX": {"rundir"},
    "tqdm": {"terminal", "inference"},
    "matplotlib": {"rundir"},
    "ml_collections": {"configuration"},
    "optax": {"engine"},
    "av": {"latents"},
    "jax2onnx": {"export"},
    "onnx": {"export"},
    "onnxruntime": {"export"},
    "huggingface_hub": {"rundir"},
    "gradio": {"explore"},
    "fastapi": {"explore"},
    "uvicorn": {"explore"},
}
NEVER = {"tensorflow", "torch", "pickle", "cloudpickle", "dill", "joblib"}
# Reads PyTorch's files with an unpickler that knows no code (tests/interop/test_weights.py attacks it).
UNLESS = {("interop/pickles.py", "pickle")}


def part_of(path):
    """The wing or the module at the top; data/__main__.py is a command, and no part of its wing."""
    relative = path.relative_to(PACKAGE)
    name = relative.as_posix() if path.name == "__main__.py" else relative.parts[0]
    return name.removesuffix(".py")


def everybodys(part):
    """What a part may import without a row."""
    return set(EVERYBODYS[: EVERYBODYS.index(part)] if part in EVERYBODYS else EVERYBODYS)


@functools.cache
def nodes_of(path):
    return list(ast.walk(ast.parse(path.read_text())))


def imports_of(path):
    for node in nodes_of(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            base = node.module
            whole = base == "jgan" or any(alias.name == "__main__" for alias in node.names)
            yield from (f"{base}.{alias.name}" for alias in node.names) if whole else [base]


@functools.cache
def meanings_of(path):
    """{name: what it stands for in full} of what a file imports, and of names that it gives to these."""
    found = {}
    for node in nodes_of(path):
        if isinstance(node, ast.Import):
            found |= {alias.asname: alias.name for alias in node.names if alias.asname}
        elif isinstance(node, ast.ImportFrom):
            assert "*" not in {alias.name for alias in node.names}, (
                f"{path}:{node.lineno}: import what you need by name"
            )
            found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Name | ast.Attribute):
            full = full_name(node.value, found)
            targets = [target.id for target in node.targets if isinstance(target, ast.Name)]
            found |= {target: full for target in targets if "." in full and target not in found}
    return found


def full_name(node, meanings):
    """ "PIL.Image.open" of `I.open`, where I is what a file calls PIL.Image; "" of what is no name."""
    if isinstance(node, ast.Name):
        return meanings.get(node.id, node.id)
    base = full_name(node.value, meanings) if isinstance(node, ast.Attribute) else ""
    return f"{base}.{node.attr}" if base else ""


def names_in(path):
    """(line, full name) of everything that a file names, called or not."""
    for node in nodes_of(path):
        if isinstance(node, ast.Name | ast.Attribute):
            yield node.lineno, full_name(node, meanings_of(path))


ALL_FILES = sorted(PACKAGE.rglob("*.py"))
FILES = [path for path in ALL_FILES if path.name != "__init__.py"]


@pytest.mark.parametrize("path", ALL_FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_follow_the_table(path):
    part = part_of(path)
    for name in imports_of(path):
        top, _, rest = name.partition(".")
        if top == "jgan":
            other = rest.partition(".")[0]
            outermost = part in COMMANDS or path == PACKAGE / "__init__.py"
            may = set(MAY_IMPORT) if outermost else row_of(MAY_IMPORT, part, TABLE)
            assert other in {part} | may | everybodys(part), f"{path} imports {name}"
            assert outermost or not name.endswith("__main__"), f"{path} imports a command, and what that imports"
        allowed = (path.relative_to(PACKAGE).as_posix(), name) in UNLESS
        assert top not in NEVER or allowed, f"{path} imports {name}"
        assert part in THIRD_PARTY.get(top, {part}), f"{path} imports {name}"


IMPORTERS = {"importlib.import_module", "importlib.__import__", "runpy.run_module", "runpy.run_path", "__import__"}
IMPORTERS |= {"builtins.__import__", "pkgutil.resolve_name", "sys.modules"}


def test_few_import_by_a_string():
    """Which the table cannot see: the names at the top, the commands, and the classes that a config.json names."""
    importing = {
        path.relative_to(PACKAGE).as_posix() for path in ALL_FILES if IMPORTERS & {n for _, n in names_in(path)}
    }
    assert importing == {"__init__.py", "cli.py", "configuration/data.py"}


def test_every_part_is_in_the_table_and_imports_only_what_stands_above_it():
    assert_rows(set(MAY_IMPORT) | COMMANDS, {part_of(path) for path in FILES}, TABLE)
    order = list(MAY_IMPORT)
    for part, others in MAY_IMPORT.items():
        assert all(order.index(other) < order.index(part) for other in others), part


def test_few_modules_lie_flat():
    assert len([path for path in FILES if path.parent == PACKAGE]) <= 20


def test_every_module_has_its_line_in_the_documents():
    text = (PACKAGE.parent / "docs" / "architecture.md").read_text()
    sections = {section.split("`")[1].removesuffix("/"): section for section in text.split("\n### ") if "`" in section}
    for path in FILES:
        wing = path.parent.name  # that of modules that lie flat is "jgan"
        assert f"\n| `{path.name}` |" in sections[wing], f"docs/architecture.md: no line for jgan/{wing}/{path.name}"


def test_nothing_unpickles_or_executes():
    for path in ALL_FILES:
        for node in nodes_of(path):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in {"eval", "exec", "compile", "__import__"}, path
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                assert isinstance(node.value, ast.Constant), path
                assert node.value.value is False, path


def test_games_are_asked_what_they_are():
    games = {
        node.name
        for path in (PACKAGE / "games").glob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef)
    }
    for path in FILES:
        for node in nodes_of(path) if part_of(path) != "games" else ():
            named = {name.rpartition(".")[2] for name in _types_told_apart(node, meanings_of(path))}
            assert not named & games, f"{path}:{node.lineno}: ask the game (jgan.types.Game) what it is"


def _types_told_apart(node, meanings):
    """What a node names to tell types apart: isinstance(x, T), a comparison, `case T():`, a key, the name as text."""
    if isinstance(node, ast.Constant):
        return {node.value} if isinstance(node.value, str) and node.value.isidentifier() else set()
    parts = []
    if isinstance(node, ast.Call) and full_name(node.func, meanings) in {"isinstance", "issubclass"}:
        parts = node.args[1:]
    elif isinstance(node, ast.Compare):
        parts = [node.left, *node.comparators]
    elif isinstance(node, ast.MatchClass):
        parts = [node.cls]
    elif isinstance(node, ast.Dict):
        parts = [key for key in node.keys if key is not None]
    return {full_name(part, meanings) for each in parts for part in ast.walk(each)}


# What opens an image file. Pillow's and OpenCV's own choice of formats would be the file's choice.
IMAGE_READERS = {"PIL.Image.open": "untrusted/images.py", "cv2.imdecode": "photos/photo_files.py tasks/blind.py"}


def test_image_files_are_opened_in_one_place():
    for path in FILES:
        relative = path.relative_to(PACKAGE).as_posix()
        for line, name in names_in(path):
            last = name.rpartition(".")[2]
            opens = name == "PIL.Image.open" or last in {"imread", "imdecode", "imreadmulti", "imdecodemulti"}
            assert not opens or relative in IMAGE_READERS.get(name, "").split(), f"{path}:{line}: {name}"


# What unpacks without a limit, or reads JSON without one.
UNBOUNDED = {"gzip.decompress", "gzip.open", "zlib.decompress", "json.load", "json.loads"}
UNBOUNDED |= {"numpy.load", "numpy.fromfile"}
# JSON that jgan itself has just made.
BOUNDED = {"untrusted/json_data.py", "config.py", "reports/sections.py"}


def test_readers_have_limits():
    for path in FILES:
        found = {name for _, name in names_in(path)} & UNBOUNDED
        assert not found or path.relative_to(PACKAGE).as_posix() in BOUNDED, f"{path}: {found}"


# The package's own files, the system's, and `FileSource.read_bytes`, which has a limit.
READ_WHOLE = {"configuration/cards.py", "configuration/catalog.py", "list_configs.py", "engine/memory.py"}
READ_WHOLE |= {"data/file_source.py", "data/broken_files.py", "data/inspect.py"}


def test_files_of_others_are_read_by_the_one_reader_that_has_a_limit():
    for path in FILES:
        attributes = [node for node in nodes_of(path) if isinstance(node, ast.Attribute)]
        found = [node.lineno for node in attributes if node.attr in {"read_bytes", "read_text"}]
        allowed = path.relative_to(PACKAGE).as_posix() in READ_WHOLE
        assert not found or allowed, f"{path}:{found[0]}: take read_file of untrusted/bounded_read.py"


def test_names_are_followed_wherever_they_lead(tmp_path):
    """What these rules would miss if they went by the words alone."""
    path = tmp_path / "aliases.py"
    path.write_text(
        "import importlib as i, PIL.Image\n"
        "from importlib import import_module as load\n"
        "from PIL import Image as I\n"
        "from jgan.games.latent import LatentGAN as L\n"
        "Q = I\n"
        "i.import_module, load, I.open, Q.open, PIL.Image.open\n"
        "isinstance(x, L), x.__class__ is L, type(x).__name__ == 'LatentGAN', {L: 1}\n"
    )
    assert [name for line, name in names_in(path) if line == 6 and name.endswith(("import_module", "open"))] == [
        "importlib.import_module",
        "importlib.import_module",
        *["PIL.Image.open"] * 3,
    ]
    told = [_types_told_apart(node, meanings_of(path)) for node in nodes_of(path)]
    assert sum(any(name.endswith("LatentGAN") for name in names) for names in told) == 4
