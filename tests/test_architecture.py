"""Who may import whom, read from the source: the table of docs/architecture.md."""

import ast
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
    "interop": set(),
    "tasks": {"layers"},
    "backbones": {"interop", "layers", "rundir"},
    "metrics": {"backbones", "engine", "interop", "layers", "rundir"},  # some train a classifier
    "data": {"interop", "rundir", "tasks"},  # vectors of captions
    "games": {"augment", "backbones", "engine", "layers", "losses"},  # unrolling looks through the optimizer's steps
    "families": {"games", "layers", "losses"},
    "photos": {"data", "rundir", "tasks"},
    "ranges": set(),
    "configuration": {"rundir"},
    "config": {"configuration", "data", "engine", "metrics", "ranges", "rundir"},
    "recipes": {"config", "data", "engine", "families", "games", "tasks"},
    "setup": {"config", "data", "engine", "rundir"},
    "reports": {"config", "metrics", "rundir"},
    "ablation": {"config", "reports"},
    "command": {"engine", "rundir"},
    "cli": {"command"},
    "inference": {"config", "data", "engine", "games", "layers", "photos", "ranges", "rundir", "setup", "tasks"},
    "image_flags": {"command", "inference"},
    "evaluation": {"config", "data", "engine", "games", "inference", "interop", "metrics", "ranges", "rundir", "setup"},
    "published": {"config", "data", "engine", "families", "inference", "interop", "rundir", "setup"},
    "autoconfig": {"config", "data", "engine", "families", "rundir", "tasks"},
    "training": {"config", "data", "engine", "evaluation", "rundir", "setup"},
    "api": {
        "autoconfig",
        "config",
        "engine",
        "evaluation",
        "inference",
        "metrics",
        "photos",
        "ranges",
        "rundir",
        "training",
    },
}
EVERYBODYS = {"errors", "types", "terminal", "untrusted", "__version__"}  # all may import these
TABLE = "MAY_IMPORT (or COMMANDS) of tests/test_architecture.py"
COMMANDS = {"classifier", "compare", "evaluate", "import_weights", "main"}
COMMANDS |= {"__main__", "data/__main__", "list_configs", "report", "sample", "sweep", "translate", "upscale"}
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
}
NEVER = {"tensorflow", "torch", "pickle", "cloudpickle", "dill", "joblib"}
# Reads PyTorch's files with an unpickler that knows no code (tests/interop/test_weights.py attacks it).
UNLESS = {("interop/pickles.py", "pickle")}


def part_of(path):
    """The wing or the module at the top; data/__main__.py is a command, and no part of its wing."""
    relative = path.relative_to(PACKAGE)
    name = relative.as_posix() if path.name == "__main__.py" else relative.parts[0]
    return name.removesuffix(".py")


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            base = node.module
            yield from (f"{base}.{alias.name}" for alias in node.names) if base == "jgan" else [base]


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
            assert other in {part, *EVERYBODYS} | may, f"{path} imports {name}"
        allowed = (path.relative_to(PACKAGE).as_posix(), name) in UNLESS
        assert top not in NEVER or allowed, f"{path} imports {name}"
        assert part in THIRD_PARTY.get(top, {part}), f"{path} imports {name}"


def test_few_import_by_a_string():
    """Which the table cannot see: the names at the top, the commands, and the classes that a config.json names."""
    importing = {
        path.relative_to(PACKAGE).as_posix()
        for path in ALL_FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute | ast.Name)
        and getattr(node, "attr", getattr(node, "id", "")) in {"import_module", "run_module", "__import__"}
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
        for node in ast.walk(ast.parse(path.read_text())):
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
        if part_of(path) == "games":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            named = {getattr(part, "id", getattr(part, "attr", "")) for part in _compared_types(node)}
            assert not named & games, f"{path}:{node.lineno}: ask the game (jgan.types.Game) what it is"


def _compared_types(node):
    """The nodes that name a type in isinstance(x, T), issubclass(x, T), type(x) is T and `case T():`."""
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"isinstance", "issubclass"}:
        return ast.walk(node.args[1])
    if isinstance(node, ast.Compare) and ast.unparse(node.left).startswith("type("):
        return (part for other in node.comparators for part in ast.walk(other))
    return ast.walk(node.cls) if isinstance(node, ast.MatchClass) else ()


# What opens an image file. Pillow's and OpenCV's own choice of formats would be the file's choice.
IMAGE_READERS = {"Image.open": "untrusted/images.py", "cv2.imdecode": "photos/photo_files.py tasks/blind.py"}


def calls_of(path):
    """(line, "module.function") of every call of that form."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.lineno, f"{getattr(node.func.value, 'id', '')}.{node.func.attr}"


def test_image_files_are_opened_in_one_place():
    for path in FILES:
        relative = path.relative_to(PACKAGE).as_posix()
        for line, called in calls_of(path):
            opens = called == "Image.open" or called.rpartition(".")[2] in {"imread", "imdecode", "imreadmulti"}
            assert not opens or relative in IMAGE_READERS.get(called, "").split(), f"{path}:{line}: {called}"
        imported = set(imports_of(path)) - {"PIL"}  # else an `open` could go by another name
        assert not {name for name in imported if name.startswith("PIL.")}, path


# What unpacks without a limit, or reads JSON without one.
UNBOUNDED = {"gzip.decompress", "gzip.open", "zlib.decompress", "np.load", "np.fromfile", "json.load", "json.loads"}
# JSON that jgan itself has just made.
BOUNDED = {"untrusted/json_data.py", "config.py", "reports/sections.py"}


def test_readers_have_limits():
    for path in FILES:
        found = {called for _, called in calls_of(path)} & UNBOUNDED
        assert not found or path.relative_to(PACKAGE).as_posix() in BOUNDED, f"{path}: {found}"


# The package's own files, the system's, and `FileSource.read_bytes`, which has a limit.
READ_WHOLE = {"configuration/cards.py", "configuration/catalog.py", "list_configs.py", "engine/memory.py"}
READ_WHOLE |= {"data/file_source.py", "data/broken_files.py", "data/inspect.py"}


def test_files_of_others_are_read_by_the_one_reader_that_has_a_limit():
    for path in FILES:
        found = [line for line, called in calls_of(path) if called.rpartition(".")[2] in {"read_bytes", "read_text"}]
        allowed = path.relative_to(PACKAGE).as_posix() in READ_WHOLE
        assert not found or allowed, f"{path}:{found[0]}: take read_file of untrusted/bounded_read.py"
