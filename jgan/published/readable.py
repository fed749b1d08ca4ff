"""Which files read into which network: the formats of jgan/interop for the networks of jgan/families."""

from __future__ import annotations

from typing import NamedTuple

import flax.linen as nn

from jgan.families import (
    biggan,
    biggan_deep,
    cyclegan,
    dcgan,
    esrgan,
    pix2pix,
    r3gan,
    sngan,
    srgan,
    stylegan,
    stylegan2,
    stylegan3,
)
from jgan.interop import basicsr, mimicry, rosinality
from jgan.interop import biggan as of_biggan
from jgan.interop import biggan_deep as of_biggan_deep
from jgan.interop import dcgan as of_dcgan
from jgan.interop import pix2pix as of_pix2pix
from jgan.interop import r3gan as of_r3gan
from jgan.interop import stylegan as of_stylegan
from jgan.interop import stylegan2 as of_stylegan2
from jgan.interop import stylegan3 as of_stylegan3
from jgan.interop.recognition import Format, Found, SeveralError, Tensors, find
from jgan.types import UserError


class Readable(NamedTuple):
    """What reads into a network, and a config that has it."""

    config: str
    formats: tuple[Format, ...]


GENERATORS: dict[type[nn.Module], Readable] = {
    biggan_deep.Generator: Readable("biggan_deep", (of_biggan_deep.GENERATOR,)),
    biggan.Generator: Readable("biggan", (of_biggan.GENERATOR,)),
    sngan.Generator: Readable("sngan", (mimicry.GENERATOR, of_biggan.UNSHARED)),
    dcgan.Generator: Readable("dcgan", (of_dcgan.GENERATOR,)),
    r3gan.Generator: Readable("r3gan", (of_r3gan.GENERATOR,)),
    stylegan.Generator: Readable("stylegan", (of_stylegan.GENERATOR,)),
    stylegan2.Generator: Readable("stylegan2", (of_stylegan2.GENERATOR, rosinality.GENERATOR)),
    stylegan3.Generator: Readable("stylegan3_t", (of_stylegan3.GENERATOR,)),
    pix2pix.UNet: Readable("pix2pix", (of_pix2pix.UNET,)),
    cyclegan.ResNetGenerator: Readable("cyclegan", (of_pix2pix.RESNET,)),
    srgan.MSRResNet: Readable("srresnet", (basicsr.MSRRESNET,)),
    esrgan.RRDBNet: Readable("esrgan", (basicsr.RRDB,)),
    esrgan.CompactNet: Readable("compact", (basicsr.COMPACT,)),
}
DISCRIMINATORS: dict[type[nn.Module], Readable] = {
    sngan.Discriminator: Readable("sngan", (mimicry.DISCRIMINATOR, of_biggan.DISCRIMINATOR)),
    dcgan.Discriminator: Readable("dcgan", (of_dcgan.DISCRIMINATOR,)),
    r3gan.Discriminator: Readable("r3gan", (of_r3gan.DISCRIMINATOR,)),
    stylegan.Discriminator: Readable("stylegan", (of_stylegan.DISCRIMINATOR,)),
    stylegan2.Discriminator: Readable("stylegan2", (of_stylegan2.DISCRIMINATOR,)),
    pix2pix.PatchDiscriminator: Readable("pix2pix", (of_pix2pix.PATCH, of_pix2pix.PIXEL)),
    esrgan.VGGDiscriminator: Readable("esrgan", (basicsr.VGG,)),
    esrgan.UNetDiscriminator: Readable("esrgan", (basicsr.UNET,)),
}


def find_network(
    tensors: Tensors, network: nn.Module, source: str, part: str = "", *, discriminator: bool = False
) -> Found:
    """The network in a file's tensors that reads into this one; `source` is the file and the flag that named it.

    Raises:
      UserError: there is none, and the message says whose network it is instead; or there are several.
    """
    table = DISCRIMINATORS if discriminator else GENERATORS
    formats = table[type(network)].formats
    try:
        return find(tensors, formats, source, part)
    except SeveralError:
        raise
    except UserError as error:
        if others := _others(tensors, formats, source, part):
            raise UserError(f"{source}: {others}") from None
        raise error from None


def _others(tensors: Tensors, formats: tuple[Format, ...], source: str, part: str) -> str:
    """What else the file holds, with the config that has it."""
    for flag, table in (("--config", GENERATORS), ("--discriminator, for --config", DISCRIMINATORS)):
        for config, others in table.values():
            for format_ in others:
                if format_ in formats:
                    continue
                try:
                    find(tensors, (format_,), source, part)
                except UserError:
                    continue
                expected = " or ".join(one.title for one in formats)
                return f"expected {expected}, and this is {format_.title}: read it with {flag} {config}"
    return ""


def check_readable(network: object, discriminator: bool = False) -> None:
    """Raises UserError where nothing reads into this network."""
    table = DISCRIMINATORS if discriminator else GENERATORS
    if type(network) not in table:
        configs = ", ".join(dict.fromkeys(readable.config for readable in table.values()))
        flag = "--discriminator" if discriminator else "--config"
        raise UserError(f"{flag}: no weights of this family are read; expected one such as {configs}")
