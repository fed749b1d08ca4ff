"""Networks of Pix2Pix, CycleGAN, SRGAN and ESRGAN: against PyTorch's numbers, counts of parameters, settings.

The numbers are of tests/golden/image_networks.py. Weights under official names go through the readers of jgan/interop.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden_numbers import load_golden
from tables import mark_slow

from jgan import config as configs
from jgan.families.cyclegan import Critics, ResNetGenerator, Translators
from jgan.families.esrgan import CompactNet, RRDBNet, UNetDiscriminator, VGGDiscriminator
from jgan.families.pix2pix import RECEPTIVE_FIELDS, PatchDiscriminator, UNet
from jgan.families.srgan import MSRResNet, SRDiscriminator, SRResNet
from jgan.interop.recognition import without_counters
from jgan.interop.state_dict import LEAVES, to_variables
from jgan.published.readable import DISCRIMINATORS, GENERATORS, check_readable, find_network
from jgan.types import SPECTRAL, UserError

NETWORKS = {
    "unet": UNet(channels=3, downs=6, dropout=0.0),
    "unet_instance": UNet(channels=3, downs=5, norm="instance"),
    "resnet": ResNetGenerator(channels=4, blocks=2),
    "resnet_dropout": ResNetGenerator(channels=4, blocks=2, norm="batch"),
    "patch": PatchDiscriminator(channels=4),
    "patch_instance": PatchDiscriminator(channels=4, norm="instance"),
    "patch_16": PatchDiscriminator(channels=4, receptive_field=16),
    "pixel": PatchDiscriminator(channels=4, receptive_field=1),
    "srresnet": SRResNet(channels=6, blocks=2),
    "srgan_discriminator": SRDiscriminator(channels=4, hidden=10),
    "msrresnet_x4": MSRResNet(channels=6, blocks=2),
    "msrresnet_x3": MSRResNet(scale=3, channels=6, blocks=2),
    "rrdb": RRDBNet(channels=6, blocks=2, growth=4),
    "rrdb_x2": RRDBNet(scale=2, channels=6, blocks=2, growth=4),
    "compact": CompactNet(channels=6, convolutions=3),
    "vgg_discriminator": VGGDiscriminator(channels=3),
    "unet_discriminator": UNetDiscriminator(channels=4),
}
RNGS = {"params": 0, "dropout": 1}
COLLECTIONS = ["batch_stats", SPECTRAL]
# float32 against float64 in at most 40 layers, each within a few 1e-7 of numbers of order 1; inputs that nearly cancel
# within a norm add to that
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def golden():
    """(the script that made the numbers, the numbers)."""
    return load_golden("image_networks")


def initial(network, inputs):
    """The network's first variables."""
    rngs = {name: jax.random.key(seed) for name, seed in RNGS.items()}
    return network.init(rngs, *inputs, train=True)


def shapes_of(network, inputs):
    return jax.eval_shape(functools.partial(initial, network), inputs)


def draw_variables(network, inputs):
    """Some, for less time than it takes to compile the first ones."""
    random = np.random.default_rng(0)
    normal = lambda leaf: (0.2 * random.standard_normal(leaf.shape)).astype(np.float32)  # noqa: E731
    return jax.tree.map(normal, shapes_of(network, inputs))


def reader_of(network):
    """The reader of its weights; SRGAN's own networks have ours alone, under our names."""
    if isinstance(network, SRResNet | SRDiscriminator):
        return lambda weights, shapes, source: to_variables(
            without_counters(weights),
            shapes,
            lambda *path: ".".join([*path[1:-1], LEAVES[path[-1]]]),
            source=source,
            expected="ours",
        )
    is_discriminator = type(network).__name__.endswith("Discriminator")

    def read(weights, shapes, source):
        found = find_network(weights, network, source, discriminator=is_discriminator)
        return found.format.read(found.tensors, shapes, source)

    return read


def restored(golden, case):
    """(network, variables, what it is called with)."""
    script, numbers = golden
    network, inputs = NETWORKS[case], script.draw_inputs(case)[::-1]  # images, then what they were made from
    read = reader_of(network)
    return network, read(script.draw(numbers[case]["shapes"]), shapes_of(network, inputs), "weights.pth"), inputs


@pytest.mark.parametrize("case", NETWORKS)
def test_networks_match_pytorch(golden, case):
    """With the batch's statistics and, where there are any, with running ones."""
    script, numbers = golden
    network, variables, inputs = restored(golden, case)
    assert ("batch_stats" in variables) == ("eval" in numbers[case])

    @jax.jit
    def run(variables):
        modes = {"train": True, "eval": False} if "batch_stats" in variables else {"train": True}
        return {
            mode: network.apply(variables, *inputs, train=train, mutable=COLLECTIONS)[0]
            for mode, train in modes.items()
        }

    for mode, made in run(variables).items():
        assert made.dtype == jnp.float32
        expected = np.array(numbers[case][mode])
        atol = TOLERANCE * max(1.0, np.abs(expected).max())
        np.testing.assert_allclose(script.part(made), expected, rtol=0, atol=atol)


SIZES = {  # networks as published, the shapes that they take, and their parameters
    # models/networks.py of pytorch-CycleGAN-and-pix2pix prints them: "Total number of parameters : 54.414 M", 2.769 M,
    # 11.378 M and 2.765 M; in full, sums over its layers
    "unet_256": (UNet(), [(256, 256, 3)], 54_413_955),
    "unet_128": (UNet(downs=7), [(128, 128, 3)], 54_413_955 - 2 * 16 * 512 * 512 - 16 * 512 * 512 - 4 * 512),
    "patches": (PatchDiscriminator(), [(256, 256, 3)] * 2, 2_768_705),
    "pixel": (PatchDiscriminator(receptive_field=1), [(64, 64, 3)] * 2, 6 * 64 + 64 + 64 * 128 + 2 * 128 + 128),
    "resnet_9blocks": (ResNetGenerator(), [(256, 256, 3)], 11_378_179),
    "resnet_6blocks": (ResNetGenerator(blocks=6), [(128, 128, 3)], 11_378_179 - 6 * (9 * 256 + 1) * 256),
    "patches_instance": (PatchDiscriminator(norm="instance"), [(256, 256, 3)], 2_764_737),
    # Figure 4 of SRGAN with one slope a PReLU: 9 x 9 convolutions, 16 blocks, one more, two shuffles
    "srresnet": (
        SRResNet(),
        [(24, 24, 3)],
        (243 + 1) * 64 + 33 * ((9 * 64 + 1) * 64 + 2 * 64) + 2 * (9 * 64 + 1) * 256 + (81 * 64 + 1) * 3 + 19,
    ),
    # ... of its discriminator at 96 x 96: biases in the first convolution and the dense layers
    "srgan_discriminator": (
        SRDiscriminator(),
        [(96, 96, 3)],
        9 * (3 * 64 + 64 * 64 + 64 * 128 + 128 * 128 + 128 * 256 + 256 * 256 + 256 * 512 + 512 * 512)
        + 64
        + 2 * (64 + 2 * (128 + 256 + 512))
        + (36 * 512 + 1) * 1024
        + 1025,
    ),
    # BasicSR: 1.518 M and 16.698 M in its logs; Real-ESRGAN's x2plus has 12 channels of inputs in place of 3
    "msrresnet": (MSRResNet(), [(24, 24, 3)], 1_517_571),
    "rrdb": (RRDBNet(), [(24, 24, 3)], 16_697_987),
    "rrdb_x2": (RRDBNet(scale=2), [(24, 24, 3)], 16_697_987 + 9 * 9 * 64),
    # realesr-animevideov3 and realesr-general-x4v3: 3 x 3 convolutions and a slope for each channel
    "compact": (CompactNet(), [(24, 24, 3)], 28 * 64 + 16 * (9 * 64 + 1) * 64 + 17 * 64 + (9 * 64 + 1) * 48),
    "compact_32": (
        CompactNet(convolutions=32),
        [(24, 24, 3)],
        28 * 64 + 32 * (9 * 64 + 1) * 64 + 33 * 64 + (9 * 64 + 1) * 48,
    ),
    "vgg_discriminator": (VGGDiscriminator(), [(128, 128, 3)], 14_499_401),
    "unet_discriminator": (UNetDiscriminator(), [(256, 256, 3)], 4_376_897),
}


@pytest.mark.parametrize("name", SIZES)
def test_published_networks_have_their_parameters(name):
    network, inputs, count = SIZES[name]
    shapes = shapes_of(network, [jax.ShapeDtypeStruct((1, *shape), jnp.float32) for shape in inputs])
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes["params"])) == count


def of_a_run(weights):
    """As a network on several devices saves it."""
    return {f"module.{name}": array for name, array in weights.items()}


def averaged(weights):
    """As BasicSR saves a generator and its average."""
    last = {f"params.{name}": 0 * array for name, array in weights.items()}
    return last | {f"params_ema.{name}": array for name, array in weights.items()}


def of_esrgan(weights):
    """By the names of the code that ESRGAN came with."""
    names = {"conv_body": "trunk_conv", "conv_up": "upconv", "conv_hr": "HRconv", "body.": "RRDB_trunk.", "rdb": "RDB"}
    return {
        functools.reduce(lambda name, pair: name.replace(*pair), names.items(), name): array
        for name, array in weights.items()
    }


def of_old_esrgan(weights):
    """By those of its first release, a list of layers, as xinntao/ESRGAN's transer_RRDB_models.py has them."""
    places = {"conv_first": "0", "conv_body": "1.sub.2", "conv_up1": "3", "conv_up2": "6", "conv_hr": "8"}
    renamed = {}
    for name, array in weights.items():
        stem, _, leaf = name.rpartition(".")
        place = (places | {"conv_last": "10"}).get(stem)
        renamed[f"model.{place}.{leaf}" if place else f"model.1.sub.{stem[5:].replace('rdb', 'RDB')}.0.{leaf}"] = array
    return renamed


@pytest.mark.parametrize(
    ("case", "change"),
    [
        ("unet", of_a_run),
        ("resnet", of_a_run),
        ("resnet", lambda weights: {name: array for name, array in weights.items() if "running" not in name}),
        ("patch", without_counters),
        ("rrdb", averaged),
        ("rrdb", of_esrgan),
        ("rrdb", of_old_esrgan),
        ("msrresnet_x4", averaged),
        ("compact", lambda weights: {f"params.{name}": array for name, array in weights.items()}),
    ],
)
def test_files_differ_in_names_alone(golden, case, change):
    script, numbers = golden
    network, variables, inputs = restored(golden, case)
    weights = change(script.draw(numbers[case]["shapes"]))
    again = reader_of(network)(weights, shapes_of(network, inputs), "weights.pth")
    jax.tree.map(np.testing.assert_array_equal, variables, again)


@pytest.mark.parametrize(
    ("case", "change", "message"),
    [
        (
            "unet",
            lambda weights: weights.pop("model.model.1.model.1.weight") is None,
            r"not the generator of this config: missing model\.model\.1\.model\.1\.weight; unexpected none",
        ),
        ("resnet", lambda weights: weights.update(step=np.ones(3)), r"generator of this config: .*unexpected step"),
        (
            "patch",
            lambda weights: weights.update({"model.2.weight": np.ones((8, 5, 4, 4))}),
            r"model\.2\.weight gives shape \(4, 4, 5, 8\); expected \(4, 4, 4, 8\)",
        ),
        (
            "patch",
            lambda weights: [weights.pop(name) for name in list(weights) if "running" in name],
            r"discriminator of this config: missing model\.3\.running_mean, .*; unexpected none",
        ),
        (
            "rrdb",
            lambda weights: [weights.pop(name) for name in list(weights) if name.startswith("body.1.")],
            r"missing body\.1\.rdb1\.conv1\.bias, .* and 25 more; unexpected none",
        ),
        (
            "compact",
            lambda weights: weights["body.0.weight"].fill(np.nan),
            r"body\.0\.weight has numbers that are not finite; the file is damaged",
        ),
    ],
)
def test_another_or_partial_file_is_one_line_that_names_what_is_wrong(golden, case, change, message):
    script, numbers = golden
    network, inputs, weights = NETWORKS[case], script.draw_inputs(case), script.draw(numbers[case]["shapes"])
    change(weights)
    with pytest.raises(UserError, match=rf"^weights\.pth: .*{message}") as error:
        reader_of(network)(weights, shapes_of(network, inputs[::-1]), "weights.pth")
    assert "\n" not in str(error.value)


def test_every_file_is_known_for_what_it_is(golden):
    """Each network's file, offered to each other's reader: the message says whose it is and which config has it."""
    script, numbers = golden
    tables = {**GENERATORS, **DISCRIMINATORS}
    published = {case: network for case, network in NETWORKS.items() if type(network) in tables}
    drawn = {case: script.draw(numbers[case]["shapes"]) for case in published}
    for network in published.values():
        discriminator = type(network) in DISCRIMINATORS
        for other, weights in drawn.items():
            config = tables[type(published[other])].config
            if type(published[other]) is type(network):
                find_network(weights, network, "weights.pth", discriminator=discriminator)
                continue
            with pytest.raises(UserError, match=rf"^weights\.pth: expected .* this is .* --config {config}$"):
                find_network(weights, network, "weights.pth", discriminator=discriminator)
    with pytest.raises(UserError, match="--config: no weights of this family are read"):
        check_readable(NETWORKS["srresnet"])


def zeros(*shape):
    return jnp.zeros((1, *shape))


@pytest.mark.parametrize(
    ("network", "images", "message"),
    [
        (
            UNet(),
            zeros(192, 256, 3),
            r"game\.generator\.downs=8: .* multiples of 256, and these are 192 x 256; set a",
        ),
        (UNet(downs=0), zeros(8, 8, 3), r"game\.generator\.downs=0: "),
        (
            UNet(norm="layer"),
            zeros(256, 256, 3),
            r"game\.generator\.norm='layer': expected one of batch, instance",
        ),
        (ResNetGenerator(), zeros(30, 32, 3), r"game\.generator: .* multiples of 4, from 8 up, and these are 30 x 32"),
        (PatchDiscriminator(), zeros(16, 64, 3), r"receptive_field=70: it takes images of 24 x 24 or more, .* 16 x 64"),
        (
            PatchDiscriminator(receptive_field=71),
            zeros(64, 64, 3),
            r"receptive_field=71: expected one of 1, 16, 34",
        ),
        (SRResNet(scale=5), zeros(8, 8, 3), r"game\.generator\.scale=5: expected one of 2, 3, 4, 8"),
        (RRDBNet(scale=3), zeros(8, 8, 3), r"game\.generator\.scale=3: expected one of 1, 2, 4"),
        (RRDBNet(scale=1), zeros(10, 8, 3), r"game\.generator\.scale=1: .* multiples of 4, and these are 10 x 8"),
        (CompactNet(scale=5), zeros(8, 8, 3), r"game\.generator\.scale=5: expected one of 1, 2, 3, 4, 8"),
        (
            VGGDiscriminator(),
            zeros(96, 96, 3),
            r"game\.discriminator: .* power of two from 8 up, and these are 96 x ",
        ),
        (UNetDiscriminator(), zeros(20, 16, 3), r"game\.discriminator: .* multiples of 8, and these are 20 x 16"),
    ],
)
def test_images_that_do_not_fit_say_what_would(network, images, message):
    with pytest.raises(UserError, match=message) as error:
        shapes_of(network, [images])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("receptive_field", RECEPTIVE_FIELDS)
def test_a_logit_sees_as_many_pixels_as_its_receptive_field(receptive_field):
    """Where the gradient of one logit in the image is not zero."""
    side = max(2 * receptive_field, 16) // 16 * 16 + 64
    network, images = PatchDiscriminator(2, receptive_field, norm="none"), jnp.ones((1, side, side, 1))
    variables = draw_variables(network, [images])

    def middle(images):
        logits = network.apply(variables, images, train=True)
        return logits[0, logits.shape[1] // 2, logits.shape[2] // 2]

    seen = np.flatnonzero(np.abs(jax.jit(jax.grad(middle))(images)[0, :, :, 0]).max(1))
    assert np.ptp(seen) + 1 == receptive_field


def test_dropout_and_batch_statistics_stay_on_where_asked():
    """As Pix2Pix draws: two keys give two images, and what the batch norms would store may be left."""
    network, inputs = UNet(1, 2, downs=6, dropout=0.5), jax.random.normal(jax.random.key(0), (1, 64, 64, 1))
    variables = draw_variables(network, [inputs])

    @jax.jit
    def generate(key):
        return network.apply(variables, inputs, train=True, rngs={"dropout": key}, mutable=["batch_stats"])[0]

    first, again, other = (generate(jax.random.key(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert jnp.abs(first - other).max() > 1e-3


def test_two_translators_and_two_critics_are_one_player_each():
    generator = Translators(ResNetGenerator(1, 2, 1), ResNetGenerator(3, 2, 1))
    discriminator = Critics(PatchDiscriminator(2, 16, "instance"), PatchDiscriminator(2, 16, "instance"))
    images_a, images_b = (jax.random.normal(jax.random.key(c), (2, 16, 16, c)) for c in (3, 1))
    variables, discriminators = (
        draw_variables(network, [images_a, images_b]) for network in (generator, discriminator)
    )
    assert set(variables["params"]) == {"a_to_b", "b_to_a"}
    assert set(discriminators["params"]) == {"domain_a", "domain_b"}

    @jax.jit
    def run(variables, discriminators):
        made = generator.apply(variables, images_a, images_b, train=True)
        alone = [
            generator.apply(variables, images, train=True, method=method)
            for images, method in ((images_a, "translate_a"), (images_b, "translate_b"))
        ]
        logits = discriminator.apply(discriminators, images_a, images_b, train=True)
        apart_logits = [
            discriminator.apply(discriminators, images, train=True, method=method)
            for images, method in ((images_a, "discriminate_a"), (images_b, "discriminate_b"))
        ]
        return (*made, *logits), (*alone, *apart_logits)

    together, apart = run(variables, discriminators)
    assert [made.shape for made in together] == [(2, 16, 16, 1), (2, 16, 16, 3), (2, 6, 6), (2, 6, 6)]
    jax.tree.map(np.testing.assert_array_equal, together, apart)
    for network in (generator, discriminator):
        assert configs.from_data(configs.to_data(network)) == network


INITIALISED = "unet_instance", "resnet", "patch", "srresnet", "msrresnet_x3", "rrdb"


@pytest.mark.parametrize("case", mark_slow(INITIALISED, ("unet_instance", "msrresnet_x3", "rrdb")))
def test_remat_and_bfloat16_change_no_interface(golden, case):
    network, variables, inputs = restored(golden, case)
    rest = {name: value for name, value in variables.items() if name != "params"}
    dropout = {"dropout": jax.random.key(0)}

    def loss(params, module):
        made, _ = module.apply({"params": params, **rest}, *inputs, train=True, mutable=COLLECTIONS, rngs=dropout)
        assert made.dtype == jnp.float32
        return jnp.square(made - 0.5).mean()

    params, gradient = variables["params"], jax.grad(loss)
    in_bfloat16 = str(jax.make_jaxpr(lambda params: gradient(params, network.clone(dtype="bfloat16")))(params))
    assert "bf16" in in_bfloat16
    again = network.clone(remat=True)
    assert "remat" in str(jax.make_jaxpr(lambda params: gradient(params, again))(params))
    pair = jax.jit(lambda params: [gradient(params, module) for module in (network, again)])(params)
    # biases before a norm have gradients of rounding alone
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-7 + 1e-4 * np.abs(a).max()), *pair)
