"""What each config costs: the FLOP of all its steps, written into the card of its file.

    python benchmarks/quality/config_costs.py             (all configs: about a quarter of an hour on a core)
    python benchmarks/quality/config_costs.py dcgan srgan

Counted are matrix products and convolutions, as `--dry_run` counts them: steps are traced, nothing is trained.
"""

import re
import sys
from pathlib import Path

from jgan.config import read_config
from jgan.configuration import catalog
from jgan.engine.sharding import make_sharding
from jgan.setup import lay_out
from jgan.training.dry_run import plan_data, training_flops

UNITS = {"EFLOP": 1e18, "PFLOP": 1e15, "TFLOP": 1e12}


def cost_of(name: str) -> str:
    """As the card of a config has it, "1.2 PFLOP"."""
    config = read_config(name, [])
    flops = training_flops(lay_out(config, plan_data(config), make_sharding(count=1)))
    unit = next((unit for unit, size in UNITS.items() if flops >= size), "TFLOP")
    return f"{float(f'{flops / UNITS[unit]:.2g}'):g} {unit}"


def write_card(path: Path, cost: str) -> None:
    """Puts the line behind that of the parameters, in place of an earlier one."""
    text = re.sub(r"^Cost: .*\n", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    path.write_text(re.sub(r"^(Parameters: .*\n)", rf"\1Cost: {cost}\n", text, count=1, flags=re.MULTILINE), "utf-8")


if __name__ == "__main__":
    for name in sys.argv[1:] or catalog.names():
        cost = cost_of(name)
        write_card(catalog.DIRECTORY / f"{name}.py", cost)
        print(f"{name}: {cost}", flush=True)
