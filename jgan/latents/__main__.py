"""Walk through the latents of a run: `jgan latents interpolate|truncate|...`."""

from __future__ import annotations

from collections.abc import Sequence

from jgan import command
from jgan.latents import classes, directions, edit, mix, neighbours, project, truncate, walking

VERBS = (  # in the order of the help
    walking.VERB,
    truncate.VERB,
    neighbours.VERB,
    classes.VERB,
    mix.VERB,
    directions.VERB,
    edit.VERB,
    project.VERB,
)

DESCRIPTION = """Explores the latents of a run.

  jgan latents interpolate --workdir runs/dcgan --seeds 3,17,5 --loop --out walk.mp4
  jgan latents truncate --workdir runs/dcgan --seeds 0-7 --out truncation.png

Images are called by their numbers in `jgan sample`: seed 17 is its image 17."""


class _VerbParser(command.Parser):
    """Of one verb."""

    def __init__(self, prog: str, description: str) -> None:
        super().__init__(prog.removeprefix("jgan "), description)


def main(argv: Sequence[str]) -> int:
    """Runs the command."""
    options = _parser().parse_args(argv)
    options.run(options)
    return 0


def _parser() -> command.Parser:
    parser = command.Parser("latents", DESCRIPTION)
    names = "|".join(verb.name for verb in VERBS)
    commands = parser.add_subparsers(required=True, metavar=names, parser_class=_VerbParser)
    for verb in VERBS:
        own = commands.add_parser(verb.name, help=verb.summary, description=verb.description)
        verb.add_flags(own)
        own.set_defaults(run=verb.run)
    return parser


if __name__ == "__main__":
    command.run(main)
