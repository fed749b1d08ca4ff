"""A page in the browser to play with a run: `jgan explore --workdir runs/quickstart`."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path

from jgan import command
from jgan import config as configs
from jgan.explore.access import check_token
from jgan.explore.server import LOCAL_HOST, bind, is_local, own_files, serve
from jgan.inference.weights import Weights

DESCRIPTION = """Shows a run on a page in the browser, until Ctrl-C.

  jgan explore --workdir runs/quickstart
  jgan explore --workdir runs/srgan --host 0.0.0.0

Runs of latents get sliders for seed, truncation, class or caption, neighbours of an image, the way
between two of them, style mixing, and favourites to download; runs of images get a place to drop a file, and what they
make of it; all get their samples and curves, which move while a run trains.

The page asks nobody for anything, and only this machine can ask for it. With --host others can, if they have the
token: it is part of the address that is printed."""
PORT = 7860


def main(argv: Sequence[str]) -> int:
    """Runs the command."""
    options = _parser().parse_args(argv)
    token = _token(options.host, options.token)
    config = configs.load(options.workdir)
    weights = Weights(options.raw, options.best, options.step)
    from jgan.explore.page import Chosen, make_page
    from jgan.explore.theme import look

    with bind(options.host, options.port) as bound, own_files() as files:
        chosen = Chosen(config, options.workdir, weights, options.embeddings)
        page = make_page(chosen, files)
        print(f"{_address(bound.getsockname(), options.host, token)}  (Ctrl-C ends it)", flush=True)
        serve(page, look(), bound, token)
    print("the page is closed")
    return 0


def _parser() -> command.Parser:
    parser = command.Parser("explore", DESCRIPTION)
    command.add_run(parser)
    parser.add_argument(
        "--embeddings", metavar="FILE", type=Path, help="an .npz with vectors of captions, for runs that take those"
    )
    parser.add_argument("--host", default=LOCAL_HOST, help="an address of this machine, for others to reach the page")
    parser.add_argument("--port", type=int, default=PORT, help=f"default {PORT}; 0: any that is free")
    parser.add_argument("--token", help="what others have to know (default: one is made and printed)")
    parser.add_argument("--raw", action="store_true", help="use the trained weights, not the EMA weights")
    parser.add_argument("--best", action="store_true", help="use the best checkpoint of a run with evaluate_every")
    parser.add_argument("--step", type=int, metavar="N", help="use the checkpoint of step N")
    return parser


def _token(host: str, given: str | None) -> str | None:
    """What requests have to bring; None where only this machine can send any."""
    if given is not None:
        check_token(given)
        return given
    return None if is_local(host) else secrets.token_urlsafe(24)


def _address(name: tuple, host: str, token: str | None) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{name[1]}/" + ("" if token is None else f"?token={token}")


if __name__ == "__main__":
    command.run(main, keeps_memory=False)
