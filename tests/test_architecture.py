"""Who may import whom, read from the source: the table of docs/architecture.md."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "jgan"

# Part of the package (a module or a folder of jgan/): the other parts it may import. All may import types.
MAY_IMPORT = {
    "ablation": {"config", "reports"},
    "augment": set(),
    "backbones": {"interop", "layers", "rundir"},
    "classifier": {"command", "data", "evaluation", "metrics", "rundir"},
    "command": {"engine", "rundir"},
    "compare": {"command", "metrics", "photos", "rundir"},
    "config": {"data", "engine", "metrics", "ranges", "rundir"},
    "data": {"interop", "tasks"},
    "engine": set(),
    "evaluate": {"command", "data", "engine", "evaluation", "metrics", "rundir"},
    "evaluation": {"config", "data", "engine", "games", "inference", "metrics", "rundir", "setup"},
    "families": {"games", "layers"},
    "games": {"augment", "backbones", "engine", "layers", "losses"},
    "import_weights": {"command", "config", "data", "engine", "families", "games", "interop", "rundir", "setup"},
    "inference": {"command", "config", "data", "engine", "games", "layers", "photos", "rundir", "setup", "tasks"},
    "interop": set(),
    "layers": set(),
    "losses": set(),
    "main": {"command", "config", "engine", "training"},
    "metrics": {"backbones", "engine", "interop", "layers", "rundir"},
    "photos": {"data", "rundir", "tasks"},
    "ranges": set(),
    "report": {"command", "reports", "rundir"},
    "reports": {"config", "metrics", "rundir"},
    "rundir": set(),
    "sample": {"command", "config", "games", "inference", "rundir"},
    "setup": {"config", "data", "engine", "rundir"},
    "sweep": {"ablation", "command", "config", "reports", "rundir"},
    "tasks": {"layers"},
    "training": {"config", "data", "engine", "evaluation", "games", "rundir", "setup"},
    "translate": {"command", "config", "inference"},
    "types": set(),
    "upscale": {"command", "config", "games", "inference"},
}
THIRD_PARTY = {  # libraries that one part alone may import
    "orbax": {"rundir"},
    "grain": {"data"},
    "tensorflow_datasets": {"data"},
    "tensorboardX": {"rundir"},
    "matplotlib": {"rundir"},
    "ml_collections": {"config"},
    "optax": {"engine"},
}
NEVER = {"tensorflow", "torch", "pickle", "cloudpickle", "dill", "joblib"}
# Reads PyTorch's files with an unpickler that knows no code (tests/test_weights.py attacks it).
UNLESS = {("interop/pickles.py", "pickle")}


def part_of(path):
    relative = path.relative_to(PACKAGE)
    return relative.parts[0].removesuffix(".py")


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            base = node.module
            yield from (f"{base}.{alias.name}" for alias in node.names) if base == "jgan" else [base]


FILES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_follow_the_table(path):
    part = part_of(path)
    for name in imports_of(path):
        top, _, rest = name.partition(".")
        if top == "jgan":
            other = rest.partition(".")[0]
            assert other in {part, "types", "__version__"} | MAY_IMPORT[part], f"{path} imports {name}"
        allowed = (path.relative_to(PACKAGE).as_posix(), name) in UNLESS
        assert top not in NEVER or allowed, f"{path} imports {name}"
        assert part in THIRD_PARTY.get(top, {part}), f"{path} imports {name}"


def test_every_part_is_in_the_table():
    assert {part_of(path) for path in FILES} == set(MAY_IMPORT)


def test_nothing_unpickles_or_executes():
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in {"eval", "exec", "compile", "__import__"}, path
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                assert isinstance(node.value, ast.Constant), path
                assert node.value.value is False, path
