"""The three bilinear functions against lax.conv_general_dilated and its own derivatives."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from tables import mark_slow

from jgan.layers import conv_forms
from jgan.layers.conv import Conv, ConvTranspose, conv, conv_transpose
from jgan.layers.resample import (
    PooledConv,
    UpsampledConv,
    average_pool,
    smooth_downsample,
    smooth_upsample,
    upsample,
)

ONE = ((1, 1), (1, 1))
# kernel, strides, padding, input size, channels in and out
CASES = {
    "dcgan": ((4, 4), (2, 2), ONE, (8, 8), 32, 33),
    "dcgan_odd": ((4, 4), (2, 2), ONE, (9, 7), 32, 33),
    "dcgan_narrow": ((4, 4), (2, 2), ONE, (9, 7), 16, 16),
    "dcgan_images": ((4, 4), (2, 2), ONE, (8, 8), 3, 8),
    "whole_input": ((4, 4), (1, 1), "VALID", (4, 4), 20, 1),
    "patch_critic": ((4, 4), (1, 1), ONE, (6, 6), 16, 1),
    "residual": ((3, 3), (1, 1), "SAME", (5, 6), 32, 33),
    "residual_wide": ((3, 3), (1, 1), "SAME", (5, 6), 32, 66),
    "residual_narrow": ((3, 3), (1, 1), "SAME", (5, 6), 16, 16),
    "residual_strided": ((3, 3), (2, 2), "SAME", (8, 9), 32, 33),
    "five": ((5, 5), (2, 2), "SAME", (9, 8), 32, 33),
    "even": ((4, 4), (1, 1), "SAME", (5, 6), 32, 33),
    "even_wide": ((4, 4), (1, 1), "SAME", (5, 6), 66, 66),
    "pixel": ((1, 1), (1, 1), "SAME", (3, 4), 5, 6),
    "pixel_strided": ((1, 1), (2, 2), "VALID", (5, 4), 5, 6),
    "kernel_below_stride": ((2, 2), (3, 3), "VALID", (9, 10), 32, 33),
    "uneven": ((7, 3), (3, 1), ((3, 2), (0, 1)), (11, 5), 32, 33),
    "small_images": ((4, 4), (2, 2), ONE, (5, 4), 128, 130),
    "small_images_even": ((4, 4), (1, 1), ONE, (4, 5), 128, 130),
    "many_channels": ((3, 3), (1, 1), "SAME", (11, 13), 130, 256),
    "many_channels_even": ((4, 4), (1, 1), ONE, (13, 12), 130, 256),
    "from_images": ((9, 9), (1, 1), "SAME", (5, 6), 3, 17),
    "from_images_small": ((3, 3), (1, 1), "SAME", (5, 6), 3, 17),
    "to_images": ((9, 9), (1, 1), "SAME", (5, 6), 17, 3),
    "to_images_small": ((3, 3), (1, 1), ((0, 2), (3, 1)), (5, 6), 17, 3),
    "to_images_valid": ((5, 6), (1, 1), "VALID", (7, 9), 17, 3),
}
GROUPED = {  # kernel, padding, input size, channels in and out, groups
    "r3gan": ((3, 3), "SAME", (5, 6), 32, 32, 2),
    "narrow": ((3, 3), "SAME", (5, 4), 6, 9, 3),
    "depthwise": ((4, 4), "VALID", (4, 4), 5, 5, 5),
    "uneven": ((2, 3), ((1, 0), (0, 2)), (4, 5), 8, 4, 4),
}
# size of the output, kernel, strides, padding, output padding
TRANSPOSED = [
    ((8, 6), (4, 4), (2, 2), ONE, (0, 0)),
    ((8, 6), (4, 4), (2, 2), "SAME", (0, 0)),
    ((8, 6), (3, 3), (2, 2), ONE, (1, 1)),
    ((4, 4), (4, 4), (1, 1), "VALID", (0, 0)),
    ((9, 10), (2, 2), (3, 3), "VALID", (1, 2)),
]


def reference(x, kernel, strides, padding):
    return lax.conv_general_dilated(x, kernel, strides, padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))


def derivatives(function):
    """Value, first derivatives, and those of an R1-style penalty: the derivatives of a squared input gradient."""

    def penalty(x, kernel):
        return jnp.square(jax.grad(lambda x: jnp.tanh(function(x, kernel)).sum())(x)).sum()

    def everything(x, kernel):
        y, pullback = jax.vjp(function, x, kernel)
        return y, pullback(jnp.cos(y)), jax.grad(penalty, (0, 1))(x, kernel)

    return everything


def arrays(case, dtype):
    kernel, _, _, size, ci, co = case
    draw = np.random.default_rng(0).standard_normal
    scale = (kernel[0] * kernel[1] * ci) ** -0.5  # outputs of variance 1
    return jnp.asarray(draw((2, *size, ci)), dtype), jnp.asarray(scale * draw((*kernel, ci, co)), dtype)


def assert_close(ours, theirs, share):
    """Largest difference as a share of the largest value."""
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        assert a.shape == b.shape
        assert np.abs(np.asarray(a - b, np.float64)).max() <= share * np.abs(np.asarray(b, np.float64)).max()


@pytest.mark.parametrize("name", mark_slow(CASES, ("many_channels", "many_channels_even")))
def test_conv_and_its_derivatives_match_xla(name):
    case = CASES[name]
    (rows, columns), strides, padding, _, *channels = case
    with jax.enable_x64(True):
        x, kernel = arrays(case, jnp.float64)
        ours = jax.jit(derivatives(lambda x, w: conv(x, w, strides, padding)))(x, kernel)
        theirs = jax.jit(derivatives(lambda x, w: reference(x, w, strides, padding)))(x, kernel)
        # So many terms a sum, three sums deep, each within Winograd's factor of about 4: 2e-12 for up to 7 * 3 * 33.
        terms = rows * columns * max(channels)
        assert_close(ours, theirs, 2e-12 * max(1, terms / 693))


@pytest.mark.parametrize("platform", ["cpu", "default"])
@pytest.mark.parametrize("case", GROUPED.values(), ids=GROUPED)
def test_grouped_convolutions_are_convolutions_of_groups(case, platform, monkeypatch):
    """Value and derivatives, against a convolution for each group; `default` is what GPUs and TPUs run."""
    monkeypatch.setattr(lax, "platform_dependent", lambda *args, **forms: forms[platform](*args))
    kernel, padding, size, ci, co, groups = case

    def one_by_one(x, w):
        parts = zip(jnp.split(x, groups, axis=3), jnp.split(w, groups, axis=3), strict=True)
        return jnp.concatenate([reference(*part, (1, 1), padding) for part in parts], axis=3)

    with jax.enable_x64(True):
        x, _ = arrays((kernel, (1, 1), padding, size, ci, co), jnp.float64)
        _, w = arrays((kernel, (1, 1), padding, size, ci // groups, co), jnp.float64)
        ours = jax.jit(derivatives(lambda x, w: conv(x, w, (1, 1), padding, groups)))(x, w)
        # Sums of at most 144 terms, three deep
        assert_close(ours, jax.jit(derivatives(one_by_one))(x, w), 1e-12)


@pytest.mark.parametrize(("inside", "kernel", "strides", "padding", "extra"), TRANSPOSED)
def test_conv_transpose_is_the_input_gradient(inside, kernel, strides, padding, extra):
    """... of the convolution of a larger array with the same kernel."""
    draw = np.random.default_rng(0).standard_normal
    with jax.enable_x64(True):
        kernel = jnp.asarray(draw((*kernel, 3, 16)))
        x, pullback = jax.vjp(lambda x: reference(x, kernel, strides, padding), jnp.zeros((2, *inside, 3)))
        y = jnp.asarray(draw(x.shape))
        ours = jax.jit(lambda y, w: conv_transpose(y, w, strides, padding, extra))(y, kernel)
        assert_close(ours, pullback(y)[0], 1e-12)


def test_conv_transpose_by_hand():
    """Each input pixel paints the kernel, unflipped, at its place: PyTorch's definition of ConvTranspose2d."""
    y = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    kernel = np.arange(9.0, dtype=np.float32).reshape(3, 3)
    canvas = np.zeros((5, 5), np.float32)
    for i in range(2):
        for j in range(2):
            canvas[2 * i : 2 * i + 3, 2 * j : 2 * j + 3] += y[i, j] * kernel
    ours = conv_transpose(y[None, :, :, None], kernel[:, :, None, None], (2, 2), ONE, (1, 1))
    # padding 1 crops a row at each end, output_padding 1 gives the last one back
    np.testing.assert_array_equal(ours[0, :, :, 0], canvas[1:, 1:])


def test_no_dilated_convolution_is_left_between_many_channels():
    """Neither in the value and gradients nor in a gradient of gradients: XLA runs those slowly on CPU."""
    for case in ("dcgan", "kernel_below_stride"):
        _, strides, padding, *_ = CASES[case]
        x, kernel = arrays(CASES[case], jnp.float32)
        lowered = jax.jit(derivatives(lambda x, w, s=strides, p=padding: conv(x, w, s, p))).lower(x, kernel)
        assert not re.search("[lr]hs_dilate", lowered.compile().as_text())
        assert "convolution" not in lowered.as_text()


def test_other_platforms_get_xla_convolutions():
    """Lowered for TPU from this host, the program has convolutions and no matrix product."""
    x, kernel = arrays(CASES["dcgan"], jnp.bfloat16)
    function = jax.jit(derivatives(lambda x, w: conv(x, w, (2, 2), ONE)))
    text = function.trace(x, kernel).lower(lowering_platforms=("tpu",)).as_text()
    assert "stablehlo.convolution" in text
    assert "dot_general" not in text


@pytest.mark.parametrize("case", ["dcgan", "dcgan_odd", "residual_strided", "uneven"])
def test_xla_formulation_matches_autodiff(case, monkeypatch):
    """What GPUs and TPUs run, run here."""
    monkeypatch.setattr(lax, "platform_dependent", lambda *args, cpu, default: default(*args))
    _, strides, padding, *_ = CASES[case]
    with jax.enable_x64(True):
        x, kernel = arrays(CASES[case], jnp.float64)
        ours = derivatives(lambda x, w: conv(x, w, strides, padding))(x, kernel)
        assert_close(ours, derivatives(lambda x, w: reference(x, w, strides, padding))(x, kernel), 1e-12)


@pytest.mark.parametrize("case", ["dcgan", "dcgan_images", "residual"])
def test_a_sharded_batch_gives_the_same(case, monkeypatch):
    monkeypatch.setattr(conv_forms, "_CACHED", 1000)  # W of "residual" in a piece for each image
    _, strides, padding, *_ = CASES[case]
    x, kernel = arrays(CASES[case], jnp.float32)
    x = jnp.concatenate([x, 0.5 * x[::-1]])
    function = jax.jit(derivatives(jax.checkpoint(lambda x, w: conv(x, w, strides, padding))))
    mesh = Mesh(np.array(jax.devices()[:4]), ("data",))
    sharded = jax.device_put(x, NamedSharding(mesh, PartitionSpec("data")))
    replicated = jax.device_put(kernel, NamedSharding(mesh, PartitionSpec()))
    # The sums over the batch are split in four: a few roundings (6e-8) of terms up to 30 times the result.
    assert_close(jax.device_get(function(sharded, replicated)), jax.device_get(function(x, kernel)), 1e-5)


def test_bfloat16_activations_keep_a_float32_kernel_gradient():
    x, kernel = arrays(CASES["dcgan"], jnp.float32)

    x, kernel = (array.astype(jnp.bfloat16).astype(jnp.float32) for array in (x, kernel))  # exact in both

    def loss(kernel, x, function):
        y = function(x, kernel)
        return y.astype(jnp.float32).sum(), y

    gradient = jax.jit(jax.grad(loss, has_aux=True), static_argnums=2)
    ours, y = gradient(kernel, x.astype(jnp.bfloat16), lambda x, w: conv(x, w, (2, 2), ONE))
    theirs, _ = gradient(kernel, x, lambda x, w: reference(x, w, (2, 2), ONE))
    assert (y.dtype, ours.dtype) == (jnp.bfloat16, jnp.float32)
    assert_close(ours, theirs, 4e-6)  # as in float32: the cotangent of ones is exact


@pytest.mark.parametrize("layer", [UpsampledConv, PooledConv])
def test_resampling_joined_with_a_convolution(layer):
    """... equals the two in a row, each by its definition."""
    case = ((3, 3), (1, 1), "SAME", (4, 6), 16, 16)

    def in_a_row(x, kernel):
        if layer is UpsampledConv:
            return reference(x.repeat(2, 1).repeat(2, 2), kernel, (1, 1), "SAME")
        y = reference(x, kernel, (1, 1), "SAME")
        return (y[:, ::2, ::2] + y[:, 1::2, ::2] + y[:, ::2, 1::2] + y[:, 1::2, 1::2]) / 4

    with jax.enable_x64(True):
        x, kernel = arrays(case, jnp.float64)
        ours = jax.jit(derivatives(layer(16, (3, 3)).convolve))(x, kernel)
        assert_close(ours, jax.jit(derivatives(in_a_row))(x, kernel), 1e-12)  # as above
        np.testing.assert_array_equal(upsample(x), x.repeat(2, 1).repeat(2, 2))
        np.testing.assert_allclose(average_pool(upsample(x)), x, rtol=1e-15)


def test_smooth_resampling_is_a_filter_with_zeros_between():
    """... which R3GAN's resamplers are: (1, 2, 1) convolved with (1, 1), and torch's conv2d at stride 2, padding 1."""
    filtered = np.outer([1.0, 3.0, 3.0, 1.0], [1.0, 3.0, 3.0, 1.0]) / 64
    with jax.enable_x64(True):
        kernel = jnp.asarray(filtered[:, :, None, None] * np.eye(3))
        x = jnp.asarray(np.random.default_rng(0).standard_normal((2, 4, 6, 3)))

        def half(x, _):
            return reference(x, kernel, (2, 2), ONE)

        def twice(x, _):
            return 4 * lax.conv_transpose(x, kernel, (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))

        for ours, theirs in ((smooth_downsample, half), (smooth_upsample, twice)):
            found = jax.jit(derivatives(lambda x, _, f=ours: f(x)))(x, x)
            assert_close(found, jax.jit(derivatives(theirs))(x, x), 1e-13)


@pytest.mark.parametrize("layer", [Conv, ConvTranspose])
def test_layers_follow_the_compute_type(layer):
    module = layer(6, (4, 4), (2, 2), ONE, dtype="bfloat16")
    x = jnp.ones((2, 4, 4, 5))
    y, variables = jax.eval_shape(lambda key: module.init_with_output(key, x), jax.random.key(0))
    dtypes = {name: value.dtype for name, value in variables["params"].items()}
    assert dtypes == {"kernel": jnp.float32, "bias": jnp.float32}
    assert y.dtype == jnp.bfloat16
    assert y.shape == ((2, 2, 2, 6) if layer is Conv else (2, 8, 8, 6))


def test_impossible_windows_say_why():
    with pytest.raises(ValueError, match="smaller than the kernel"):
        conv(jnp.zeros((1, 2, 2, 1)), jnp.zeros((4, 4, 1, 1)), padding="VALID")
    with pytest.raises(ValueError, match="only stride 1 has groups"):
        conv(jnp.zeros((1, 4, 4, 4)), jnp.zeros((2, 2, 2, 4)), (2, 2), groups=2)
    with pytest.raises(ValueError, match="groups=3 do not fit 4 channels"):
        conv(jnp.zeros((1, 4, 4, 4)), jnp.zeros((2, 2, 1, 3)), groups=3)
    with pytest.raises(ValueError, match="must be below the strides"):
        conv_transpose(jnp.zeros((1, 2, 2, 1)), jnp.zeros((4, 4, 1, 1)), (2, 2), ONE, (2, 2))
