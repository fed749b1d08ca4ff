"""Who may import whom, read from the source: the table of docs/architecture.md."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "jgan"

# Part of the package (a module or a folder of jgan/): the other parts it may import. All may import types.
MAY_IMPORT = {
    "types": set(),
    "files": set(),
    "allocator": set(),
    "pictures": {"files"},
    "events": {"files"},
    "monitor": {"files", "events", "pictures"},
    "optim": set(),
    "sharding": set(),
    "processes": set(),
    "workdir": {"files"},
    "checkpoint": {"files"},
    "step": {"optim", "sharding"},
    "layers": set(),
    "losses": set(),
    "ada": set(),
    "augment": {"ada"},
    "interop": set(),
    "backbones": {"interop", "files", "layers"},
    "resize": set(),
    # They train a classifier.
    "metrics": {"backbones", "interop", "files", "layers", "optim", "processes", "resize", "sharding"},
    "tasks": {"resize"},
    "data": {"interop", "tasks"},  # vectors of captions
    "profiles": set(),
    "programs": set(),
    "photos": {"data", "files", "profiles", "tasks"},
    "tiles": set(),
    "translator": {"config", "drawing", "games", "photos", "pictures", "resize", "setup", "tasks"},
    "translate_files": {"command", "files", "photos", "programs", "tiles", "translator"},
    "translate": {"command", "config", "translate_files", "translator"},
    "upscale": {"command", "config", "games", "translate_files", "translator"},
    "compare": {"command", "files", "metrics", "photos", "programs"},
    "games": {"augment", "backbones", "layers", "losses", "optim"},  # unrolling looks through the optimizer's steps
    "families": {"games", "layers", "losses"},
    "ranges": set(),
    "config": {"data", "metrics", "optim", "files", "ranges"},
    "setup": {"config", "data", "optim", "sharding", "step", "checkpoint"},
    "train": {
        "config",
        "evaluation",
        "evaluator",
        "setup",
        "step",
        "checkpoint",
        "monitor",
        "pictures",
        "processes",
        "workdir",
    },
    "dry_run": {"config", "data", "games", "setup", "sharding", "step"},
    "command": {"allocator", "files", "processes"},
    "main": {"command", "config", "processes", "dry_run", "train"},
    "drawing": {"config", "data", "setup", "sharding", "checkpoint", "layers", "pictures", "processes", "games"},
    "sample": {"caption_options", "command", "config", "drawing", "files", "games", "pictures"},
    "caption_options": {"data", "drawing", "games"},
    "evaluation": {"config", "data", "files", "metrics", "processes", "sharding"},
    "evaluate": {"command", "data", "evaluation", "files", "metrics", "pictures", "processes", "subjects"},
    "translations": {"config", "data", "evaluation", "games", "metrics", "pictures", "processes", "setup", "sharding"},
    "subjects": {"config", "data", "drawing", "evaluation", "games", "metrics", "setup", "translations"},
    "evaluator": {
        "checkpoint",
        "config",
        "data",
        "drawing",
        "evaluation",
        "files",
        "games",
        "metrics",
        "processes",
        "setup",
        "translations",
    },
    "reports": {"checkpoint", "config", "files", "metrics", "pictures"},
    "report": {"command", "files", "reports"},
    "grid": {"config", "reports"},
    "child": set(),
    "sweep": {"checkpoint", "child", "command", "config", "files", "grid", "monitor", "reports", "workdir"},
    "import_weights": {
        "checkpoint",
        "command",
        "config",
        "data",
        "families",
        "files",
        "games",
        "interop",
        "monitor",
        "setup",
        "sharding",
        "workdir",
    },
    "classifier": {"command", "data", "evaluation", "files", "metrics"},
}
THIRD_PARTY = {  # libraries that one part alone may import
    "orbax": {"checkpoint"},
    "grain": {"data"},
    "tensorflow_datasets": {"data"},
    "tensorboardX": {"events"},
    "matplotlib": {"pictures"},
    "ml_collections": {"config"},
    "optax": {"optim", "step"},
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
