"""What other code made of the same inputs: tests/golden holds the numbers, and the scripts that made them."""

import importlib.util
import json
from pathlib import Path

GOLDEN = Path(__file__).parent / "golden"


def load_script(name):
    """The module of golden/NAME.py, whose `draw` makes inputs and weights."""
    spec = importlib.util.spec_from_file_location(f"golden_{name}", GOLDEN / f"{name}.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


def load_golden(name):
    """(the script that made the numbers, the numbers)."""
    return load_script(name), json.loads((GOLDEN / f"{name}.json").read_text())
