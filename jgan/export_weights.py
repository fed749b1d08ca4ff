"""Write a run's networks for other code bases: `jgan export-weights --workdir ... --format stylegan2 --out ...`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jgan import command
from jgan import config as configs
from jgan.inference.weights import Weights
from jgan.published.exporting import FILES, FORMATS, export_networks

DESCRIPTION = """Writes the networks of a run as state dicts with the names of another code base, float32.

  jgan export-weights --workdir runs/emoji --format stylegan2 --out published

  stylegan   G_ema (there called Gs), G and D of https://github.com/NVlabs/stylegan, by TensorFlow's names
  stylegan2  G_ema, G and D of https://github.com/NVlabs/stylegan2-ada-pytorch: load them where PyTorch is by
             G.load_state_dict(safetensors.torch.load_file("published/G_ema.safetensors"))
  stylegan3  those of https://github.com/NVlabs/stylegan3, T and R

What `jgan import-weights` has read comes back as it was, to the last bit."""


def main(argv: Sequence[str]) -> int:
    """Runs the command."""
    options = _parser().parse_args(argv)
    command.stay_on_cpu()
    config = configs.load(options.workdir)
    weights = Weights(best=options.best, step=options.step)
    for path in export_networks(config, options.workdir, options.format, options.files, options.out, weights):
        print(path)
    return 0


def _parser() -> command.Parser:
    parser = command.Parser("export-weights", DESCRIPTION)
    command.add_run(parser)
    parser.add_argument("--format", choices=tuple(FORMATS), required=True, help="whose names the tensors have")
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="where the files go")
    parser.add_argument("--files", choices=tuple(FILES), default="safetensors", help="their kind (default safetensors)")
    parser.add_argument("--step", type=int, metavar="N", help="the checkpoint of step N")
    parser.add_argument("--best", action="store_true", help="the best checkpoint of a run with evaluate_every")
    return parser


if __name__ == "__main__":
    command.run(main)
