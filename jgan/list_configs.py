"""The configs of the package: `jgan configs`, or `jgan configs dcgan` for the file of one."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from jgan import command
from jgan.configuration import catalog
from jgan.configuration.cards import TASKS, Card, read_card

DESCRIPTION = """Lists the configs that come with the package, or prints the file of one, to be copied and edited.

  jgan configs
  jgan configs dcgan > mine.py
  jgan train --config mine.py --workdir runs/mine

After --config, a name is a config of the package, and what ends in .py or has a slash in it a file of your own. Where a
file of the same name with other content lies in the directory, the name alone is refused, and told how to say which.

Parameters are those of the generator and of the discriminator. "computes" is what all steps of the training compute:
matrix products and convolutions, counted, not measured (1 PFLOP = 1,000 TFLOP). "measured" is processor time on two
cores without an accelerator, compilation included, of the run in docs/results/; "-" was not trained as it stands."""

HEADER = ("name", "family", "size", "data", "parameters", "computes", "measured", "paper")


def main(argv: Sequence[str]) -> int:
    """Runs the command."""
    parser = command.Parser("configs", DESCRIPTION)
    parser.add_argument("name", nargs="?", help="the config to print (default: list all)")
    options = parser.parse_args(argv)
    if options.name is None:
        print(_list([read_card(catalog.DIRECTORY / f"{name}.py") for name in catalog.names()]))
        return 0
    path = catalog.find_name(options.name)
    print(path.read_text(encoding="utf-8"), end="")
    sys.stdout.flush()
    jgan = command.program()
    print(
        f"\nThis is {path}. Train with it as it is:\n"
        f"  {jgan} train --config {options.name} --workdir runs/{options.name}\n"
        f"or with an edited copy:\n"
        f"  {jgan} configs {options.name} > mine.py\n"
        f"  {jgan} train --config mine.py --workdir runs/mine",
        file=sys.stderr,  # so that what is copied is the file alone
    )
    return 0


def _list(cards: Sequence[Card]) -> str:
    """A table for each task; first in each what was measured, since that trains without an accelerator."""
    rows = {task: [_row(card) for card in _in_order(cards, task)] for task in TASKS}
    everything = [HEADER, *(row for task in TASKS for row in rows[task])]
    widths = [max(len(row[column]) for row in everything) for column in range(len(HEADER))]
    lines = [_aligned(HEADER, widths)]
    for task in TASKS:
        lines += ["", f"{task.capitalize()}:", *(_aligned(row, widths) for row in rows[task])]
    lines += ["", f"{len(cards)} configs. Train: jgan train --config quickstart --workdir runs/quickstart"]
    return "\n".join([*lines, "Print one to copy and edit: jgan configs dcgan > mine.py"])


def _in_order(cards: Sequence[Card], task: str) -> list[Card]:
    chosen = [card for card in cards if card.task == task]
    return sorted(chosen, key=lambda card: (not card.measured, card.name))


def _row(card: Card) -> tuple[str, ...]:
    steps, _, minutes = card.measured.removesuffix(" processor minutes").partition(" steps in ")
    measured = f"{minutes} min, {steps} steps" if card.measured else "-"
    return card.name, card.family, card.size, card.source, card.parameters, card.cost, measured, card.citation


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(["", *(cell.ljust(width) for cell, width in zip(row, widths, strict=True))]).rstrip()


if __name__ == "__main__":
    command.run_without_jax(main)
