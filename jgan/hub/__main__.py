"""Make a folder for the Hugging Face Hub: `jgan card --workdir runs/emoji --out emoji-card`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from jgan import command
from jgan import config as configs
from jgan.hub.card import Given
from jgan.hub.folder import make_folder
from jgan.inference.weights import Weights
from jgan.rundir.fetched import SCHEME, parse_place
from jgan.types import UserError
from jgan.untrusted.bounded_read import read_file

DESCRIPTION = """A folder for the Hugging Face Hub: README.md (the model card), samples.png and what opens as a run.

  jgan card --workdir runs/digits --out digits-card --license apache-2.0
  jgan card --workdir runs/digits --out digits-card --repo me/digits --data_name MNIST --notes notes.md

huggingface_hub takes the folder as it is, by huggingface_hub.upload_folder(folder_path="digits-card",
repo_id="me/digits"), and jgan.open("hf://me/digits") opens it from there. Nothing is uploaded here.

The card says what the run's files say: data, training, scores and what they were measured on. Licences are those that
you state; without them it says that they are not stated."""

MAX_NOTES = 2**20  # bytes


def main(argv: Sequence[str]) -> int:
    """Runs the command."""
    options = _parser().parse_args(argv)
    config = configs.load(options.workdir)
    given = Given(
        title=options.title or (options.repo or options.workdir.resolve().name).rpartition("/")[2],
        repository=options.repo if options.repo is None else _repository(options.repo),
        licence=options.license,
        data_name=options.data_name,
        data_licence=options.data_license,
        notes="" if options.notes is None else _read_notes(options.notes),
    )
    weights = Weights(best=options.best, step=options.step)
    print(make_folder(options.workdir, options.out, given, weights, options.picture))
    print(f"config.json names the data as {config.data.source}; whoever gets the folder reads that")
    return 0


def _repository(text: str) -> str:
    try:
        return parse_place(SCHEME + text).repository
    except UserError:
        raise UserError(f"--repo={text}: expected owner/name") from None


def _read_notes(path: Path) -> str:
    try:
        return read_file(path, MAX_NOTES).decode()
    except (OSError, ValueError) as error:
        raise UserError(f"--notes={path}: expected a text of at most {MAX_NOTES:,} bytes ({error})") from None


def _parser() -> argparse.ArgumentParser:
    parser = command.Parser("card", DESCRIPTION)
    command.add_run(parser)
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="the folder, which is new")
    parser.add_argument("--title", help="of the model (default: the repository's name, or the run's)")
    parser.add_argument("--repo", metavar="OWNER/NAME", help="where it will be on the Hub")
    parser.add_argument("--license", metavar="ID", help="of the weights, as the Hub has it: apache-2.0, cc-by-4.0, ...")
    parser.add_argument("--data_name", metavar="NAME", help="of the training set (default: the end of data.source)")
    parser.add_argument("--data_license", metavar="ID", help="of the training set")
    parser.add_argument("--notes", metavar="FILE", type=Path, help="Markdown that stands in the card as it is")
    parser.add_argument("--picture", metavar="FILE", type=Path, help="an image in place of generated ones of seed 0")
    parser.add_argument("--step", type=int, metavar="N", help="the checkpoint of step N")
    parser.add_argument("--best", action="store_true", help="the best checkpoint of a run with evaluate_every")
    return parser


if __name__ == "__main__":
    command.run(main)
