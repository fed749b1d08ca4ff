"""Parameters of every config, (generator, discriminator): published numbers, or sums over the layers of a source."""

import itertools


def up(before, after, num_classes=1):
    """Parameters of SNGAN's generator block: two norms, two 3x3 convolutions and one 1x1."""
    norms = 2 * num_classes * (before + after)
    return norms + 9 * before * after + after + 9 * after * after + after + before * after + after


def down(before, after):
    """Parameters of SNGAN's discriminator block: its first convolution keeps the width."""
    return 9 * before * before + before + 9 * before * after + after + before * after + after


def first(before, after):
    """Parameters of the discriminator's first block, which widens at once."""
    return 9 * before * after + after + 9 * after * after + after + before * after + after


def attention(c):
    """Parameters of SAGAN's self-attention: four 1x1 convolutions without biases, and a gain."""
    return 2 * c * c // 8 + 2 * c * c // 2 + 1


# Parameters of (generator, discriminator). A config without a published count is counted by hand in the comment.
COUNTS = {
    # The widths of the Keras and PyTorch MNIST tutorials; their model summaries print these two.
    "vanilla": (1_486_352, 1_460_225),
    # 100x200 + 10x1000 + 1200x1200 + 1200x784 and biases; maxout 784x1200, 10x250, 290x960, 240 and biases
    "cgan": (
        100 * 200 + 200 + 10 * 1000 + 1000 + 1200 * 1200 + 1200 + 1200 * 784 + 784,
        784 * 1200 + 1200 + 10 * 250 + 250 + 290 * 960 + 960 + 240 + 1,
    ),
    # vanilla's, with ten label inputs more for each of the first layer's 256 and 1024 units
    "cgan_digits": (1_486_352 + 10 * 256, 1_460_225 + 10 * 1024),
    # 4x4 kernels 100-1024-512-256-128-3 with 2 per batch-norm channel; 3-128-256-512-1024-1, no norm on the first
    "dcgan": (
        16 * (100 * 1024 + 1024 * 512 + 512 * 256 + 256 * 128 + 128 * 3) + 2 * (1024 + 512 + 256 + 128),
        16 * (3 * 128 + 128 * 256 + 256 * 512 + 512 * 1024 + 1024) + 2 * (256 + 512 + 1024),
    ),
    "dcgan_digits": (
        16 * (100 * 128 + 128 * 64 + 64 * 32 + 32) + 2 * (128 + 64 + 32),
        16 * (32 + 32 * 64 + 64 * 128 + 128) + 2 * (64 + 128),
    ),
    # As DCGAN at 32 x 32 with 10 label inputs more; the head is dense with a bias, and one direction per class
    "dcgan_conditional": (
        16 * (74 * 512 + 512 * 256 + 256 * 128 + 128 * 3) + 2 * (512 + 256 + 128),
        16 * (3 * 128 + 128 * 256 + 256 * 512) + 16 * 512 + 1 + 10 * 16 * 512,
    ),
    "quickstart": (
        16 * (74 * 128 + 128 * 64 + 64 * 32 + 32) + 2 * (128 + 64 + 32),
        16 * (32 + 32 * 64 + 64 * 128) + 16 * 128 + 1 + 10 * 16 * 128,
    ),
    # 3x3 kernels 256 four times, 128, 64, 3 after a dense 1024 to 7x7x256; 5x5 kernels 64-128-256-512 and a dense head
    # on 7x7x512. All have biases, as in the authors' vgg.py and ops.py; 2 per batch-norm channel, the first none.
    "lsgan": (
        1025 * 49 * 256
        + 9 * (4 * 256 * 256 + 256 * 128 + 128 * 64 + 64 * 3)
        + 4 * 256
        + 128
        + 64
        + 3
        + 2 * (5 * 256 + 128 + 64),
        25 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512) + 64 + 3 * (128 + 256 + 512) + 49 * 512 + 1,
    ),
    # 5x5 kernels 192-96-3 after a dense 110 to 4x4x384; 3x3 kernels 16-32-64-128-256-512, heads of 1 and 10 on 4x4x512.
    # All with biases (the table's initial value for them is 0); 2 per batch-norm channel, none on dense and first.
    "acgan": (
        111 * 16 * 384 + 25 * (384 * 192 + 192 * 96 + 96 * 3) + 192 + 96 + 3 + 2 * (192 + 96),
        9 * (3 * 16 + 16 * 32 + 32 * 64 + 64 * 128 + 128 * 256 + 256 * 512) + 16 + 3 * 992 + 11 * (16 * 512 + 1),
    ),
    # as acgan with one image channel, widths 96-48-24 and 8-16-32-64-96-128
    "acgan_digits": (
        111 * 16 * 96 + 25 * (96 * 48 + 48 * 24 + 24) + 48 + 24 + 1 + 2 * (48 + 24),
        9 * (8 + 8 * 16 + 16 * 32 + 32 * 64 + 64 * 96 + 96 * 128) + 8 + 3 * 336 + 11 * (16 * 128 + 1),
    ),
}
COUNTS["lsgan_digits"] = COUNTS["dcgan_digits"]  # the same networks
# Miyato et al. 2018, Table 3 ("standard CNN") at 32 x 32, widths c 2c 4c 8c: kernels of 4 x 4 up, 3 x 3 and 4 x 4 down,
# biases everywhere, 2 per channel of a batch norm; latents of 128.


def standard_cnn(c, image_channels):
    up = 16 * (8 * c * 4 * c + 4 * c * 2 * c + 2 * c * c) + 3 * (4 + 2 + 1) * c
    generator = 129 * 16 * 8 * c + up + (9 * c + 1) * image_channels
    three = 9 * (image_channels * c + c * 2 * c + 2 * c * 4 * c + 4 * c * 8 * c) + 15 * c
    four = 16 * (c * c + 4 * c * c + 16 * c * c) + 7 * c
    return generator, three + four + 16 * 8 * c + 1


COUNTS |= {
    # DCGAN's networks at 64 x 64: those of the PyTorch example, as the authors' code has them
    "wgan": (3_576_704, 2_765_568),
    "wgan_digits": COUNTS["dcgan_digits"],
    # SNGAN's chainer code (resnet_32.py) with a generator as wide as the critic, 128: 129 x 2048; three blocks of two
    # 3 x 3, one 1 x 1 and two norms; the last norm; 3 x 3 to RGB. And 3-128, 128-128, twice without halving.
    "wgan_gp": (
        129 * 2048 + 3 * (2 * (9 * 128 + 1) * 128 + 129 * 128 + 4 * 128) + 2 * 128 + (9 * 128 + 1) * 3,
        (9 * 3 + 1) * 128 + 4 * 128 + 129 * 128 + 7 * (9 * 128 + 1) * 128 + 129,
    ),
    # DCGAN's at 32 x 32 with latents of 128, and 2 per channel of a layer norm where DCGAN has a batch norm
    "wgan_gp_digits": (COUNTS["dcgan_digits"][0] + 16 * 28 * 128, COUNTS["dcgan_digits"][1]),
    "relativistic": standard_cnn(64, 3),
    "relativistic_digits": standard_cnn(16, 1),
    # torch_mimicry's nets/sngan/sngan_32.py (https://github.com/kwotsin/mimicry), the sums of its layers
    "sngan": (4_276_739, 1_053_825),
    # 3x3 and 1x1 kernels with biases, 2 per batch-norm channel, as in torch_mimicry's sngan_48.py
    "sngan_stl": (
        128 * 18432 + 18432 + up(512, 256) + up(256, 128) + up(128, 64) + 2 * 64 + 9 * 64 * 3 + 3,
        first(3, 64) + down(64, 128) + down(128, 256) + down(256, 512) + down(512, 1024) + 1024 + 1,
    ),
    # ... and cgan_pd_128.py, with 1000 scales and biases per channel in the blocks, and a direction per class
    "sngan_imagenet": (
        128 * 16384
        + 16384
        + sum(up(a, b, 1000) for a, b in [(1024, 1024), (1024, 512), (512, 256), (256, 128), (128, 64)])
        + 2 * 64
        + 9 * 64 * 3
        + 3,
        first(3, 64)
        + sum(down(a, b) for a, b in [(64, 128), (128, 256), (256, 512), (512, 1024)])
        + 2 * (9 * 1024 * 1024 + 1024)  # the last block's shortcut has no convolution
        + 1024
        + 1
        + 1000 * 1024,
    ),
    "sngan_digits": (
        129 * 16 * 128 + up(128, 64, 10) + up(64, 32, 10) + up(32, 16, 10) + 2 * 16 + 9 * 16 + 1,
        first(1, 16) + down(16, 32) + down(32, 64) + down(64, 128) + 128 + 1 + 10 * 128,
    ),
}
# SNGAN's of ImageNet with attention at 32 x 32 and, as in SAGAN's code, blocks that widen at once.
COUNTS["sagan"] = (
    COUNTS["sngan_imagenet"][0] + attention(256),
    sum(first(a, b) for a, b in [(3, 64), (64, 128), (128, 256), (256, 512), (512, 1024)])
    + 2 * (9 * 1024 + 1) * 1024
    + 1001 * 1024
    + 1
    + attention(128),
)
COUNTS["sagan_digits"] = (
    129 * 16 * 64 + up(64, 64, 10) + up(64, 32, 10) + up(32, 16, 10) + 2 * 16 + 9 * 16 + 1 + attention(32),
    first(1, 16) + first(16, 32) + first(32, 64) + 2 * (9 * 64 + 1) * 64 + 11 * 64 + 1 + attention(16),
)


def modulated(before, after, condition):
    """Parameters of BigGAN's generator block: SNGAN's with norms that are linear in vectors, without biases."""
    return up(before, after, 0) + 2 * condition * (before + after)


# The numbers that BigGAN-PyTorch prints (https://github.com/ajbrock/BigGAN-PyTorch, logs/BigGAN_ch96_bs256x8.txt has
# the run); 70.43 and 87.98 million.
COUNTS["biggan"] = (70_433_988, 87_982_370)
# SNGAN's for CIFAR-10 with ten classes, and a discriminator as wide as the generator
COUNTS["biggan_cifar"] = (
    129 * 16 * 256 + 3 * up(256, 256, 10) + 2 * 256 + (9 * 256 + 1) * 3,
    first(3, 256) + down(256, 256) + 4 * (9 * 256 + 1) * 256 + 11 * 256 + 1,
)
COUNTS["biggan_digits"] = (
    10 * 32
    + 17 * 16 * 128
    + sum(modulated(a, b, 32 + 16) for a, b in [(128, 64), (64, 32), (32, 16)])
    + attention(64 // 2)
    + 2 * 16
    + 9 * 16
    + 1,
    first(1, 16) + first(16, 32) + first(32, 64) + first(64, 128) + 11 * 128 + 1 + attention(16),
)
# As the official modules count, built of PyTorch's layers in tests/golden/r3gan.py.
COUNTS |= {
    "r3gan": (20_781_952, 21_280_512),
    "r3gan_ffhq64": (22_429_824, 22_381_440),
    "r3gan_ffhq256": (23_057_952, 23_009_568),
    "r3gan_imagenet32": (82_914_304, 86_548_992),
    "r3gan_imagenet64": (103_570_432, 107_205_120),
}
# Four blocks with 16 channels a group: two biases, 1x1, grouped 3x3, 1x1; the 1x1 of two changes of width; 1 channel
_shared = sum(2 * c * c + 2 * c + 9 * 2 * c * 16 + 2 * c + 2 * c * c for c in (64, 64, 32, 16)) + 64 * 32 + 32 * 16 + 16
COUNTS["r3gan_digits"] = (
    10 * 64 + 128 * 64 + 16 * 64 + _shared,
    16 * 64 + 64 * 64 + 10 * 64 + _shared,
)


def deep_generator(widths, condition, image_channels):
    """Parameters of BigGAN-deep's blocks and last layer: a bottleneck of a quarter, norms linear in vectors."""
    total = 2 * widths[-1] + (9 * widths[-1] + 1) * image_channels
    for before, after in itertools.pairwise(widths):
        for out in (before, after):
            middle = before // 4
            norms = 2 * condition * (before + 3 * middle)
            total += norms + (before + 1) * middle + 2 * (9 * middle + 1) * middle + (middle + 1) * out
    return total


def deep_discriminator(widths, image_channels, num_classes):
    """Parameters of BigGAN-deep's: two blocks a width, of which the first has a 1x1 convolution for what it adds."""
    total = (9 * image_channels + 1) * widths[0] + (1 + num_classes) * widths[-1] + 1
    for before, after in itertools.pairwise(widths):
        for width in (before, after):
            middle = after // 4
            total += (width + 1) * middle + 2 * (9 * middle + 1) * middle + (middle + 1) * after
            total += (width + 1) * (after - width)
    return total


# G: 50.4 million in pytorch-pretrained-biggan's README, 50,388,609 by its code, whose last layer has 125 channels that
# nothing uses, of 1153 parameters each. D: layer by layer as in BigGANdeep.py of BigGAN-PyTorch.
COUNTS["biggan_deep"] = (
    50_388_609 - 125 * 1153,
    deep_discriminator((128, 256, 512, 1024, 2048, 2048), 3, 1000) + attention(256),
)
COUNTS["biggan_deep_digits"] = (
    10 * 32 + 65 * 16 * 256 + deep_generator((256, 128, 64, 32), 64, 1) + attention(64),
    deep_discriminator((32, 64, 128, 256), 1, 10) + attention(64),
)


def caption_encoder(words, features, u=64):
    """Parameters of an encoder: embeddings and padding's; GRUs of 3 + 3 kernels and 3 + 1 biases; a dense layer."""
    return (words + 1) * u + 2 * (6 * u * u + 4 * u) + (2 * u + 1) * features


def captioned_generator(latents, features, widths, image_channels, words):
    """DCGAN's, widths from 4 x 4 on, with features of a caption beside its latents."""
    wide = [latents + features, *widths, image_channels]
    return 16 * sum(a * b for a, b in itertools.pairwise(wide)) + 2 * sum(widths) + caption_encoder(words, features)


def captioned_discriminator(image_channels, widths, words, norms):
    """DCGAN's, with 128 features of a caption beside its last activations and a 1x1 convolution of both."""
    last = widths[-1]
    convolutions = 16 * sum(a * b for a, b in itertools.pairwise([image_channels, *widths])) + 16 * last
    joint = (last + 128) * last
    return convolutions + joint + norms * 2 * (sum(widths[1:]) + last) + caption_encoder(words, 128)


COUNTS["text"] = (
    captioned_generator(100, 128, [1024, 512, 256, 128], 3, 10_000),
    captioned_discriminator(3, [64, 128, 256, 512], 10_000, norms=True),
)
COUNTS["text_digits"] = (
    captioned_generator(64, 16, [128, 64, 32], 1, 18),
    captioned_discriminator(1, [32, 64, 128], 18, norms=False),
)


def progan(widths, image_channels, classes=0):
    """Layers of Karras et al. 2018, Table 2: 3 x 3 with biases, two a resolution; latents as wide as the first."""
    low, high = widths[0], widths[-1]
    pairs = list(itertools.pairwise(widths))
    generator = (low + classes) * 16 * low + low + (9 * low + 1) * low
    generator += sum((9 * a + 1) * b + (9 * b + 1) * b for a, b in pairs) + (high + 1) * image_channels
    discriminator = (image_channels + 1) * high + sum((9 * b + 1) * b + (9 * b + 1) * a for a, b in pairs)
    discriminator += (9 * (low + 1) + 1) * low + (16 * low + 1) * low + (low + 1) * (1 + classes)
    return generator, discriminator


COUNTS["progan"] = progan((512, 512, 512, 512, 256, 128, 64, 32, 16), 3)
COUNTS["progan_digits"] = progan((32, 32, 32, 32), 1, classes=10)


def unet(inputs, images, c, downs, norm):
    """Parameters of Pix2Pix's U-Net: 4x4 kernels; a norm's scale and bias, or, with instance norm, a bias before it."""
    widths = [c * min(2**level, 8) for level in range(downs)]
    down = list(zip([inputs, *widths[:-1]], widths, strict=True))
    up = [(2 * widths[level] if level < downs - 1 else widths[level], widths[level - 1]) for level in range(1, downs)]
    kernels = 16 * (sum(a * b for a, b in down) + sum(a * b for a, b in up) + 2 * c * images)
    normed = sum(widths[1:-1]) + sum(widths[:-1])  # neither the outermost nor the innermost layer down
    others = 2 * normed if norm == "batch" else normed + widths[0] + widths[-1]
    return kernels + others + images


def patches(inputs, c, layers, norm):
    """Parameters of a PatchGAN with so many layers of stride 2: 4x4 kernels, the first and the last one with a bias."""
    widths = [c * min(2**level, 8) for level in range(layers + 1)]
    kernels = 16 * (inputs * c + sum(a * b for a, b in itertools.pairwise(widths)) + widths[-1])
    return kernels + c + (2 if norm == "batch" else 1) * sum(widths[1:]) + 1


def translator(c, blocks, norm="instance"):
    """Parameters of CycleGAN's ResNet on RGB: 7x7, two 3x3 of stride 2, blocks, two 3x3 transposed, 7x7.

    All have biases; but for the last one, batch norm has a scale and a bias instead.
    """
    kernels = 2 * 49 * 3 * c + 2 * 9 * (c * 2 * c + 2 * c * 4 * c) + 2 * blocks * 9 * 4 * c * 4 * c
    normed = c + (2 * c + 4 * c) + (2 * c + c) + 2 * blocks * 4 * c
    return kernels + (2 * normed if norm == "batch" else normed) + 3


def srresnet(c, blocks, doublings):
    """Parameters of Figure 4 of SRGAN: 9x9 at both ends, 3x3 between, batch norms, a PReLU's one slope."""
    layer = 9 * c * c + c + 2 * c
    return 2 * 81 * 3 * c + c + 3 + 1 + blocks * (2 * layer + 1) + layer + doublings * (9 * c * 4 * c + 4 * c + 1)


def msrresnet(c, blocks, doublings):
    """Parameters of BasicSR's: 3x3 everywhere, no norms."""
    layer = 9 * c * c + c
    return 2 * 27 * c + c + 3 + (2 * blocks + 1) * layer + doublings * (9 * c * 4 * c + 4 * c)


def compact(c, convolutions, scale):
    """Parameters of SRVGGNetCompact: 3x3 everywhere, a slope for each channel behind all but the last."""
    return 27 * c + c + convolutions * (9 * c * c + c) + (convolutions + 1) * c + (9 * c + 1) * 3 * scale**2


def sr_discriminator(c, hidden, resolution):
    """Parameters of SRGAN's: eight 3x3, batch norms but in the first, dense on a sixteenth of the sides, dense."""
    widths = [c, c, 2 * c, 2 * c, 4 * c, 4 * c, 8 * c, 8 * c]
    kernels = 9 * (3 * c + sum(a * b for a, b in itertools.pairwise(widths)))
    dense = (resolution // 16) ** 2 * widths[-1] * hidden + hidden + hidden + 1
    return kernels + c + 2 * sum(widths[1:]) + dense


def rrdb(c, growth, blocks):
    """Parameters of ESRGAN's generator: five 3x3 in each of three dense blocks, and six convolutions around them."""
    dense = sum(9 * (c + index * growth) * growth + growth for index in range(4)) + 9 * (c + 4 * growth) * c + c
    return 2 * 27 * c + c + 3 + 4 * (9 * c * c + c) + 3 * blocks * dense


def vgg_discriminator(c, resolution, hidden=100):
    """Parameters of BasicSR's: 3x3 and 4x4 of stride 2 in turn down to 4x4, batch norms but in the first, two dense."""
    count, before = 0, 3
    for level in range(resolution.bit_length() - 3):
        width = c * min(2**level, 8)
        count += 9 * before * width + (2 * width if level else width) + 16 * width * width + 2 * width
        before = width
    return count + 16 * before * hidden + hidden + hidden + 1


COUNTS |= {
    # The authors' code prints 54.414 M and 2.769 M
    "pix2pix": (unet(3, 3, 64, 8, "batch"), patches(6, 64, 3, "batch")),
    "pix2pix_small": (unet(3, 3, 32, 5, "batch"), patches(6, 32, 2, "batch")),
    # 11.383 M
    "pix2pix_resnet": (translator(64, 9, "batch"), patches(6, 64, 3, "batch")),
    # and 11.378 M and 2.765 M, of each direction and domain
    "cyclegan": (2 * translator(64, 9), 2 * patches(3, 64, 3, "instance")),
    "cyclegan_small": (2 * translator(16, 3), 2 * patches(3, 16, 1, "instance")),
    "srgan": (srresnet(64, 16, 2), sr_discriminator(64, 1024, 96)),
    "srgan_small": (msrresnet(32, 8, 1), sr_discriminator(24, 256, 48)),
    # BasicSR's model zoo: 1.52 M
    "srresnet": (msrresnet(64, 16, 2), patches(3, 8, 1, "batch")),
    "srresnet_small": (msrresnet(32, 8, 1), patches(3, 8, 1, "batch")),
    "compact": (compact(64, 32, 4), patches(3, 8, 1, "batch")),
    # ESRGAN's: 16.70 M
    "esrgan": (rrdb(64, 32, 23), vgg_discriminator(64, 128)),
    "esrgan_small": (rrdb(32, 16, 3), vgg_discriminator(16, 64)),
    "colorization": (unet(1, 3, 64, 8, "instance"), patches(4, 64, 3, "instance")),
    "colorization_small": (unet(1, 3, 32, 5, "batch"), patches(4, 32, 1, "batch")),
    "inpainting": (unet(4, 3, 64, 8, "instance"), patches(7, 64, 3, "instance")),
    "inpainting_small": (unet(4, 3, 32, 6, "batch"), patches(7, 32, 1, "batch")),
    "edges": (unet(1, 3, 64, 8, "instance"), patches(4, 64, 3, "instance")),
    "denoising": (unet(3, 3, 64, 8, "instance"), patches(6, 64, 3, "instance")),
}
COUNTS["deblurring"] = COUNTS["denoising"]  # the same networks


def stylegan2(widths, image_channels=3, classes=0, mapping_layers=8, residual=True):
    """Layers of Karras et al. 2020, Figure 7, of `widths` at 4 x 4, 8 x 8, ...; styles as wide as the first."""
    style, pairs = widths[0], list(itertools.pairwise(widths))
    dense, labels = (style + 1) * style, (classes + 1) * style if classes else 0

    def styled(a, b, size):  # kernel, bias, and the style's dense layer
        return size * a * b + b + (style + 1) * a

    generator = labels + (style * style if classes else 0) + mapping_layers * dense + 16 * style
    generator += styled(style, style, 9) + 1 + styled(style, image_channels, 1)
    generator += sum(styled(a, b, 9) + styled(b, b, 9) + 2 + styled(b, image_channels, 1) for a, b in pairs)
    discriminator = (image_channels + 1) * widths[-1]
    discriminator += sum((9 * b + 1) * b + (9 * b + 1) * a + (a * b if residual else 0) for a, b in pairs)
    discriminator += (9 * (style + 1) + 1) * style + (16 * style + 1) * style
    discriminator += labels + 9 * dense if classes else style + 1  # a mapping of eight layers, and the last one
    return generator, discriminator


# As the official networks were counted (stylegan2-ada-pytorch): synthesis and, of 8 or 2 layers, mapping; D.
COUNTS |= {
    "stylegan2": (28_268_812 + 2_101_248, 29_012_513),
    "stylegan2_auto": (22_666_210 + 525_312, 24_001_089),
    "stylegan2_ada": (22_666_210 + 525_312, 24_001_089),
    "stylegan2_paper256": (22_666_210 + 2_101_248, 24_001_089),
    "stylegan2_paper512": (28_175_335 + 2_101_248, 28_982_849),
    "stylegan2_paper1024": (28_268_812 + 2_101_248, 29_012_513),
    "stylegan2_cifar": (20_215_315, 23_089_664),
    "stylegan2_digits": stylegan2((64, 64, 64, 32), 1, 10, 2),
    "stylegan2_small": stylegan2((256, 256, 128, 64, 32), 3, 10, 2),
}


def stylegan(widths, image_channels, classes, mapping_layers):
    """Layers of Karras et al. 2019, Figure 1b, from 4 x 4 on; latents and styles as wide as the first, and no noise."""
    style, pairs = widths[0], list(itertools.pairwise(widths))

    def styled(a, b):  # kernel, noise strengths, bias, and the style's scales and shifts
        return 9 * a * b + 2 * b + (style + 1) * 2 * b

    generator = classes * style + (style * style if classes else 0) + mapping_layers * (style + 1) * style
    generator += 16 * style + styled(0, style) + styled(style, style)  # the constant has no kernel
    generator += sum(styled(a, b) + styled(b, b) for a, b in pairs) + sum((b + 1) * image_channels for b in widths)
    discriminator = sum((image_channels + 1) * b for b in widths)
    discriminator += sum((9 * b + 1) * b + (9 * b + 1) * a for a, b in pairs)
    discriminator += (9 * (style + 1) + 1) * style + (16 * style + 1) * style + (style + 1) * max(classes, 1)
    return generator, discriminator


COUNTS |= {
    # As the official networks were counted, all layers of colours included
    "stylegan": (26_219_627, 23_087_249),
    "stylegan_digits": stylegan((32, 32, 32, 16), 1, 10, 4),
}


def stylegan3(widths, style, image_channels, classes):
    """Generator of Karras et al. 2021, Figure 4b: `widths` of the input and of its layers, kernels of 3 x 3."""
    wide = widths[0]
    count = (classes + 1) * style + (2 * style + 1) * style + (style + 1) * style  # labels beside the latents
    count += wide * wide + 4 * (style + 1)
    count += sum(9 * a * b + b + (style + 1) * a for a, b in itertools.pairwise(widths))
    return count + (widths[-1] + 1) * image_channels + (style + 1) * widths[-1]


COUNTS |= {
    # As the official networks were counted: synthesis, mapping; D is StyleGAN2's
    "stylegan3_t": (21_787_855 + 525_312, 29_012_513),
    "stylegan3_r": (14_567_839 + 525_312, 29_012_513),
    # cutoffs of 2 to 16 in six steps, and two layers at 16: 256 / cutoff channels, 32 at most
    "stylegan3_t_digits": (
        stylegan3((32, 32, 32, 32, 32, 32, 23, 16, 16), 32, 1, 10),
        stylegan2((32, 32, 32, 16), 1, 10)[1],
    ),
}
