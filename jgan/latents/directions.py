"""Find directions in a run's latents or styles: `jgan latents directions`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jgan.command import Parser
from jgan.inference.given_captions import GivenCaptions
from jgan.latents.along import Moves, edit
from jgan.latents.found import METHODS, Directions, check_counts, load_directions
from jgan.latents.ganspace import ganspace
from jgan.latents.labelled import ByAttribute, ByClassifier, ByTable, Labelling
from jgan.latents.outputs import Output
from jgan.latents.sefa import sefa
from jgan.latents.sheet import check_sheet, draw_sheet
from jgan.latents.space import LatentSpace
from jgan.latents.supervised import Fit, supervised
from jgan.latents.verbs import (
    Verb,
    add_condition,
    add_out,
    add_weights,
    captions_of,
    labels_of,
    open_space,
    parse_range,
)
from jgan.types import UserError

DESCRIPTION = """Finds directions in which a run's images change, and stores them for `jgan latents edit`.

  jgan latents directions --method ganspace --workdir runs/style --out pca.npz
  jgan latents directions --method sefa --workdir runs/dcgan --components 5 --out sefa.npz
  jgan latents directions --method supervised --attribute thickness --workdir runs/digits --out thick.npz
  jgan latents directions --method supervised --classifier digits.npz --target 7 --workdir runs/digits --out seven.npz
  jgan latents directions --method supervised --table smiles.csv --workdir runs/faces --out smile.npz

ganspace takes the principal components of styles, or of what the first layer makes of latents. sefa takes what moves
the layers that styles or latents enter most, in closed form, without any sample. supervised takes the normal of the
plane between images with a label and others, and says how many of a fifth held out it tells apart.

Labels are more of an attribute than the median image of the same class (thickness, slant, brightness, size, and of
images with colours saturation and hue), what a classifier of `jgan classifier` reads, or a table with the lines
`seed,label`. A picture beside the file shows each direction from strength -3 to 3."""

SHOWN = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
SHOWN_DIRECTIONS = 40
NUM = {"ganspace": 10_000, "supervised": 2000}
ONLY = {  # flags that one method takes
    "num": ("ganspace", "supervised"),
    "components": ("ganspace", "sefa"),
    "layers": ("sefa",),
    "space": ("supervised",),
    "attribute": ("supervised",),
    "classifier": ("supervised",),
    "target": ("supervised",),
    "table": ("supervised",),
}


def find(
    space: LatentSpace,
    run: str,
    method: str,
    *,
    components: int | None = None,
    num: int | None = None,
    layers: Sequence[int] | None = None,
    within: str | None = None,
    labelling: Labelling | None = None,
    labels: Sequence[str | int] | None = None,
    captions: GivenCaptions | None = None,
) -> tuple[Directions, Fit | None]:
    """Directions by a method, and how well a supervised one tells labels apart.

    Raises:
      UserError: what the run, or the method, does not take.
    """
    components, num = 10 if components is None else components, NUM.get(method, 10) if num is None else num
    check_counts(components, num)
    if method == "supervised":
        assert labelling is not None, "checked before"
        return supervised(space, run, labelling, num, within, labels, captions)
    if method == "sefa":
        return sefa(space, run, components, layers), None
    return ganspace(space, run, components, num, labels, captions), None


def check_method(method: str) -> None:
    """Raises UserError for no method."""
    if method not in METHODS:
        raise UserError(f"--method={method}: expected one of {', '.join(METHODS)}")


def labelling_of(attribute: str | None, classifier: Path | None, target: str | None, table: Path | None) -> Labelling:
    """The labels of a supervised direction. Raises UserError where there is not one way to tell them."""
    given = [name for name, value in (("attribute", attribute), ("classifier", classifier), ("table", table)) if value]
    if len(given) != 1:
        raise UserError(
            "--method=supervised: expected one of --attribute, --classifier with --target, and --table"
            + (f"; {' and '.join(f'--{name}' for name in given)} are given" if given else "")
        )
    if (classifier is None) != (target is None):
        raise UserError("--classifier and --target belong together: a file, and the class that it is to read")
    if table is not None:
        return ByTable(table)
    if classifier is not None and target is not None:
        return ByClassifier(classifier, target)
    assert attribute is not None, "one is given"
    return ByAttribute(attribute)


def check_options(method: str, given: dict[str, object]) -> None:
    """Raises UserError for an option, by name, that the method does not take."""
    for name, methods in ONLY.items():
        if given.get(name) is not None and method not in methods:
            raise UserError(f"--{name}: --method={method} does not take it, only {' and '.join(methods)}; leave it out")


def parse_layers(text: str) -> list[int]:
    """The layers of 0-3 or of 0,2,5-7. Raises UserError where it is no such list."""
    layers: list[int] = []
    for part in text.split(","):
        first, last = parse_range(part, f"--layers={text}", "layers, such as 0-3")
        if last > 1000:
            raise UserError(f"--layers={text}: no run has a layer {last}")
        layers += range(first, last + 1)
    return layers


def show(
    space: LatentSpace,
    directions: Directions,
    labels: Sequence[str | int] | None = None,
    captions: GivenCaptions | None = None,
) -> np.ndarray:
    """A sheet uint8 [height, width, c] of seed 0: the first directions in rows, SHOWN in columns."""
    count = min(len(directions), SHOWN_DIRECTIONS)
    check_sheet(count, len(SHOWN), space.image_shape, "give fewer --components")
    rows = [
        edit(space, [0], Moves([directions[index]]), [(strength,) for strength in SHOWN], labels, captions)[0]
        for index in range(count)
    ]
    titles = [f"{name} {value:.2g}" for name, value in zip(directions.names, directions.values, strict=True)]
    return draw_sheet(np.stack(rows), [f"{strength:g}" for strength in SHOWN], titles[:count])


def report(directions: Directions, fit: Fit | None) -> list[str]:
    """What was found, in lines."""
    layer = directions.settings.get("layer")
    where = f" (latents {'-'.join(map(str, directions.settings['latents']))} enter {layer})" if layer else ""
    lines = [f"{len(directions)} in {directions.space} by {directions.method}{where}; {directions.measure}:"]
    lines += [f"  {name}: {value:.4g}" for name, value in zip(directions.names, directions.values, strict=True)]
    if fit is not None:
        lines[-1] += f" of {fit.held_out} (always saying the more frequent: {fit.chance:.4g})"
        if fit.is_near_chance:
            lines.append("  this is near chance: the direction says little of the label")
    return lines


def _add_flags(parser: Parser) -> None:
    add_weights(parser)
    parser.add_argument("--method", required=True, choices=METHODS, help="how they are found")
    parser.add_argument("--components", type=int, metavar="N", help="of ganspace and sefa: how many (default 10)")
    parser.add_argument(
        "--num", type=int, metavar="N", help="samples: of ganspace (default 10000) and supervised (default 2000)"
    )
    parser.add_argument("--layers", metavar="0-3", help="of sefa on a StyleGAN: the styles that are to move")
    parser.add_argument("--space", choices=("z", "w"), help="of supervised on a StyleGAN (default w)")
    parser.add_argument("--attribute", metavar="NAME", help="of supervised: what is measured from pixels")
    parser.add_argument("--classifier", metavar="FILE", type=Path, help="of supervised: one of jgan classifier")
    parser.add_argument("--target", metavar="CLASS", help="of --classifier: the class that images are to be read as")
    parser.add_argument("--table", metavar="FILE.csv", type=Path, help="of supervised: labels by seed")
    add_condition(parser)
    add_out(parser, "FILE.npz", "the file of directions; its picture stands beside it")


def _run(options: argparse.Namespace) -> None:
    output, method = Output(options, (".npz",)), options.method
    if output.path.is_file():
        load_directions(output.path)
    check_options(method, vars(options))
    labelling = None
    if method == "supervised":
        labelling = labelling_of(options.attribute, options.classifier, options.target, options.table)
    layers = None if options.layers is None else parse_layers(options.layers)
    labels, captions = labels_of(options), captions_of(options)
    space = open_space(options)
    output.check(space)
    directions, fit = find(
        space,
        options.workdir.resolve().name,
        method,
        components=options.components,
        num=options.num,
        layers=layers,
        within=options.space,
        labelling=labelling,
        labels=labels,
        captions=captions,
    )
    output.write(show(space, directions, labels, captions), space)
    directions.save(output.path)
    print("\n".join(report(directions, fit)))
    print(f"{output.path}, and a picture of them: {output.picture}")


VERB = Verb("directions", "find directions in which images change", DESCRIPTION, _add_flags, _run)
