"""Every option of a game: what is refused, and that each alone trains both players."""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_game import IMAGES, RNGS, STAGE, Labeller, Witness, make_game, make_state
from tables import assert_rows

from jgan import config as configs
from jgan.config import Config
from jgan.data.config import DataConfig
from jgan.engine.optim import AdamConfig, make_optimizer
from jgan.engine.sharding import make_sharding
from jgan.engine.step import apply_phase, create_state
from jgan.families import cgan, dcgan
from jgan.games.latent import LatentGAN
from jgan.games.settings import Settings
from jgan.losses.adversarial import ADVERSARIAL
from jgan.types import Stage, UserError

REFUSED = [
    ({"adversarial": "hindge"}, "game.adversarial='hindge': expected one of non_saturating"),
    ({"augment": ("blur",)}, "game.augment[0]='blur': expected one of color"),
    ({"bcr_policy": ("flip", "flip")}, "game.bcr_policy[1]='flip': it is there already"),
    ({"bcr_weight": 1.0, "bcr_policy": ()}, "game.bcr_policy=(): expected what images are consistent under"),
    ({"zcr_generator_weight": 1.0}, "game.zcr_generator_weight: needs the discriminator's side; set game.zcr_weight"),
    ({"zcr_weight": 1.0, "zcr_noise": 0.0}, "game.zcr_noise=0: images of the same latents are consistent anyway"),
    ({"instance_noise_images": 9}, "game.instance_noise_images: there is no noise to fall; set game.instance_noise"),
    ({"blur_images": 9}, "game.blur_images: there is no blur to fall; set game.blur_sigma, or it to 0"),
    ({"top_k": 0.0}, "game.top_k=0.0: expected a share above 0, at most 1"),
    ({"top_k": 1.5}, "game.top_k=1.5: expected a share above 0, at most 1"),
    ({"top_k_images": 9}, "game.top_k_images: the share stays 1; set game.top_k below 1"),
    (
        {"top_k": 0.5, "generator_adversarial_weight": 0.0, "feature_matching_weight": 1.0},
        "game.top_k=0.5: it thins out a loss of weight 0; set it to 1",
    ),
    ({"top_k": 0.5, "adversarial": "relativistic_average"}, "game.top_k=0.5: the loss 'relativistic_average' sets"),
    ({"gamma_images": 9}, "game.gamma_images: there is no gamma to change; set game.r1_gamma or r2_gamma, or it to 0"),
    (
        {"r1_gamma": 1.0, "gamma_images": 9},
        "game.final_gamma_scale=1.0, game.gamma_images=9: one does nothing without the other",
    ),
    ({"r1_gamma": 1.0, "final_gamma_scale": 0.1}, "game.final_gamma_scale=0.1, game.gamma_images=0: one does nothing"),
    ({"augment_probability": 0.5}, "game.augment=(): augment_probability is that of nothing; set augment, or leave"),
    ({"augment_probability_images": 9}, "game.augment=(): augment_probability is that of nothing; set augment"),
    ({"augment": ("flip",), "augment_probability": 0.0}, "game.augment_probability=0: nothing is augmented; set it"),
    ({"ada_target": 0.6}, "game.augment=(): there is nothing to adapt to game.ada_target; set augment, or it to 0"),
    ({"augment": ("flip",), "ada_target": 1.5}, "game.ada_target=1.5: expected at most 1"),
    (
        {"augment": ("flip",), "ada_target": 0.6, "augment_probability_images": 9},
        "game.augment_probability_images: game.ada_target moves the probability; set one of them to 0",
    ),
    ({"augment": ("flip",), "ada_target": 0.6, "ada_images": 0}, "game.ada_images=0: expected over how many images"),
    (
        {"augment": ("flip",), "ada_target": 0.6, "adversarial": "wasserstein"},
        "game.ada_target=0.6: the signs of the logits of 'wasserstein' say nothing",
    ),
    ({"frozen_layers": ("conv_9",)}, "game.frozen_layers[0]='conv_9': game.discriminator has no such layer; expected"),
    ({"augment": ("flip",), "augment_probability": 1.5}, "game.augment_probability=1.5: expected a share, 1 at most"),
    ({"generator_adversarial_weight": 0.0}, "game.generator_adversarial_weight=0: the generator would learn nothing"),
    ({"critic_warmup": True}, "game.generator_every=1: critic_warmup is for a critic with more steps"),
    ({"unroll_steps": 1, "unroll_learning_rate": 0.0}, "game.unroll_learning_rate=0: the steps would go nowhere"),
    (
        {"unroll_steps": 1, "generator_batches": 2},
        "game.generator_batches=2: unroll_steps look through steps on as many",
    ),
    ({"label_smoothing": 0.1, "adversarial": "hinge"}, "game.label_smoothing, game.label_flipping: the loss 'hinge'"),
    (
        {"label_flipping": 0.1, "adversarial": "relativistic_paired"},
        "game.label_smoothing, game.label_flipping: the loss 'relativistic_paired' has no targets to change",
    ),
    (
        {"generator_batches": 2, "adversarial": "relativistic_paired"},
        "game.generator_batches=2: the loss 'relativistic_paired' compares as many fake as real images; set it to 1",
    ),
    (
        {"generator_batches": 2, "minibatch": "discrimination"},
        "game.generator_batches=2: minibatch='discrimination' of",
    ),
    (
        {"unroll_steps": 1, "r1_gamma": 1.0, "r1_every": 16},
        "game.r1_every=16: unroll_steps would look through steps without R1 and R2; set it to 1",
    ),
    ({"minibatch": "sdt"}, "game.discriminator.minibatch='sdt': expected one of none, std, discrimination"),
    ({"classifier_weight": 1.0}, "game.classifier_weight, game.generator_classifier_weight: game.discriminator has no"),
    ({"generator_classifier_weight": 1.0}, "game.classifier_weight, game.generator_classifier_weight: game.discrim"),
    # of a single number, by config.check
    ({"generator_batches": 0}, "game.generator_batches=0: expected at least 1"),
    ({"unroll_steps": -1}, "game.unroll_steps=-1: expected at least 0"),
    ({"r1_every": 0}, "game.r1_every=0: expected at least 1"),
    ({"generator_every": 0}, "game.generator_every=0: expected at least 1"),
    ({"lecam_half_life_images": 0.0}, "game.lecam_half_life_images=0.0: expected at least 1"),
    ({"label_flipping": 1.0}, "game.label_flipping=1.0: expected less than 1"),
    ({"dropout": 1.0}, "game.discriminator.dropout=1.0: expected less than 1"),
    *(
        ({field.name: -1.0}, f"game.{field.name}=-1.0: expected at least ")
        for field in dataclasses.fields(Settings)
        if field.type == "float" and field.name != "top_k"
    ),
]


def config_of(game):
    return Config(game=game, data=DataConfig(channels=1), stages=(Stage(steps=1, batch_size=4, resolution=8),))


@pytest.mark.parametrize(("settings", "message"), REFUSED, ids=lambda value: ",".join(value) if value else None)
def test_options_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(UserError) as error:
        configs.check(config_of(make_game(**settings)))
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_networks_that_lack_what_an_option_needs_are_refused():
    class Silent(Witness):
        @nn.compact
        def __call__(self, images, labels=None, *, train):
            return images.mean((1, 2, 3))

    stages = (Stage(steps=1, batch_size=4, resolution=16),)
    conditional = LatentGAN(
        cgan.ConvGenerator(16, 4), cgan.ConvDiscriminator(4, 10, "auxiliary_classifier"), num_classes=10
    )
    dcgan_16 = dcgan.dcgan(16, 4, 1)
    for game, message in [
        (
            LatentGAN(Labeller(), Silent(), feature_matching_weight=1.0),
            "game.feature_matching_weight: game.discriminator sows no features",
        ),
        (
            dataclasses.replace(conditional, classifier_weight=1.0),
            "game.classifier_weight=1.0, game.generator_classifier_weight=0.0: the classifier of game.discriminator",
        ),
        (
            dataclasses.replace(conditional, num_classes=0, classifier_weight=1.0, generator_classifier_weight=1.0),
            "game.num_classes=0: game.generator takes 10 classes; set both to the same number",
        ),
        (
            dataclasses.replace(
                conditional, discriminator=cgan.ConvDiscriminator(4, 10, minibatch="std"), generator_batches=2
            ),
            "game.generator_batches=2: minibatch='std' of game.discriminator compares the images of a batch, and would "
            "take groups of fewer classes for more alike",
        ),
        (
            dataclasses.replace(dcgan_16, dragan_weight=10.0),
            "game.gradient_penalty_weight, game.dragan_weight: they take each example's gradient by itself",
        ),
        (
            dataclasses.replace(dcgan_16, generator=dcgan.Generator(16, 4, 1, norm_classes=3)),
            "game.generator.norm_classes=3: the game has no labels; set it to 0",
        ),
    ]:
        with pytest.raises(UserError) as error:
            game.check(stages)
        assert str(error.value).startswith(message)
    both = dataclasses.replace(conditional, classifier_weight=1.0, generator_classifier_weight=0.1)
    both.check(stages)


def test_flags_set_options_that_are_empty_by_default():
    config = configs.override(config_of(make_game()), ["--config.game.augment=('color', 'cutout')"])
    assert config.game.augment == ("color", "cutout")
    configs.check(config)


# ---------------------------------------------------------------- every option alone


# option: settings, what the metrics have besides
OPTIONS = {
    "gradient_penalty_weight": ({"gradient_penalty_weight": 10.0}, "discriminator/gradient_penalty"),
    "dragan_weight": ({"dragan_weight": 10.0}, "discriminator/dragan"),
    "r1_gamma": ({"r1_gamma": 1.0}, "penalty/r1"),
    "r2_gamma": ({"r2_gamma": 1.0}, "penalty/r2"),
    "r1_every": ({"r1_gamma": 1.0, "r1_every": 1}, "discriminator/r1"),
    "drift_weight": ({"drift_weight": 0.1}, "discriminator/drift"),
    "lecam_weight": ({"lecam_weight": 0.1}, "discriminator/lecam"),
    "bcr_weight": ({"bcr_weight": 10.0}, "discriminator/bcr"),
    "zcr_weight": ({"zcr_weight": 5.0}, "discriminator/zcr"),
    "zcr_generator_weight": ({"zcr_weight": 5.0, "zcr_generator_weight": 0.5}, "discriminator/zcr generator/zcr"),
    "orthogonal_weight": ({"orthogonal_weight": 0.1}, "discriminator/orthogonal"),
    "generator_orthogonal_weight": ({"generator_orthogonal_weight": 0.1}, "generator/orthogonal"),
    "label_smoothing": ({"label_smoothing": 0.1}, ""),
    "label_flipping": ({"label_flipping": 0.1}, ""),
    "instance_noise": ({"instance_noise": 0.1, "instance_noise_images": 1000}, ""),
    "blur_sigma": ({"blur_sigma": 2.0, "blur_images": 1000}, ""),
    "augment": ({"augment": ("color", "translation", "cutout")}, ""),
    "augment_probability": ({"augment": ("color",), "augment_probability": 0.5}, ""),
    "augment_probability_images": ({"augment": ("color",), "augment_probability_images": 1000}, ""),
    "ada_target": (
        {"augment": ("flip",), "ada_target": 0.6},
        "discriminator/augment_probability discriminator/r_t",
    ),
    "final_gamma_scale": (
        {"r1_gamma": 1.0, "r1_every": 1, "final_gamma_scale": 0.1, "gamma_images": 1000},
        "discriminator/r1",
    ),
    "generator_every": ({"generator_every": 5}, ""),
    "critic_warmup": ({"generator_every": 5, "critic_warmup": True}, ""),
    "generator_batches": ({"generator_batches": 2}, ""),
    "top_k": ({"top_k": 0.5, "top_k_images": 1000}, ""),
    "generator_adversarial_weight": (
        {"generator_adversarial_weight": 0.0, "feature_matching_weight": 1.0},
        "generator/feature_matching",
    ),
    "feature_matching_weight": ({"feature_matching_weight": 1.0}, "generator/feature_matching"),
    "unroll_steps": ({"unroll_steps": 2}, ""),
    "minibatch_std": ({"minibatch": "std"}, ""),
    "minibatch_discrimination": ({"minibatch": "discrimination"}, ""),
    "dropout": ({"dropout": 0.3}, ""),
    **{name: ({"adversarial": name}, "") for name in ADVERSARIAL},
}
# Set with another one above, or (the classifier) played by other tests here.
WITH_OTHERS = {
    "lecam_half_life_images",
    "bcr_policy",
    "zcr_noise",
    "instance_noise_images",
    "top_k_images",
    "blur_images",
}
WITH_OTHERS |= {"gamma_images", "ada_images", "ada_every", "frozen_layers"}
WITH_OTHERS |= {"unroll_learning_rate", "unroll_b1", "unroll_b2", "classifier_weight", "generator_classifier_weight"}
# Differences of logits do not change with the bias of the last layer; nor does the hinge loss while they are below 1.
NO_LAST_BIAS = {name for name, loss in ADVERSARIAL.items() if loss.relative} | {"wasserstein", "hinge"}


def test_no_option_is_forgotten():
    fields = {field.name for field in dataclasses.fields(Settings)}
    assert_rows(fields & (set(OPTIONS) | WITH_OTHERS), fields, "OPTIONS of tests/games/test_options.py")


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_trains_both_players(option):
    """One step, operation by operation: that takes a tenth of the time of compiling a program for each option."""
    settings, more = OPTIONS[option]
    game = make_game(**settings)
    game.check((STAGE,))
    batch = {"images": jnp.asarray(IMAGES)}
    optimizers = {name: make_optimizer(AdamConfig()) for name in ("generator", "discriminator")}
    start = create_state(game, (STAGE,), (batch,), optimizers, jax.random.key(0))
    state, metrics = start, {}
    for phase in game.phases(STAGE):
        state, logs, _ = apply_phase(phase, optimizers[phase.player], STAGE, make_sharding(), state, batch, RNGS)
        metrics |= {f"{phase.name}/{key}": value for key, value in logs.items()}
    assert jax.tree.structure(state) == jax.tree.structure(start)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((state.generator, state.discriminator, metrics)))
    names = [phase.name for phase in game.phases(STAGE)]
    expected = {f"{name}/{key}" for name in names for key in ("loss", "grad_norm", "nonfinite")}
    assert set(metrics) == expected | {"discriminator/logits_real", "discriminator/logits_fake"} | set(more.split())
    for name in ("generator", "discriminator"):
        pairs = (getattr(each, name).params for each in (start, state))
        moved = jax.tree.map(lambda a, b: bool((a != b).any()), *pairs)
        if name == "discriminator" and option in NO_LAST_BIAS:
            moved["to_logit"].pop("bias")
        advice = "if its loss cannot move the last bias, add it to NO_LAST_BIAS of tests/games/test_options.py"
        assert all(jax.tree.leaves(moved)), f"{name} of {option!r}: not all has moved ({moved}); {advice}"


def test_without_options_the_game_is_what_it_was_bit_for_bit():
    game = make_game(dropout=0.3)
    state = make_state(game, {"images": IMAGES})
    latents = jax.vmap(lambda rng: jax.random.normal(jax.random.fold_in(rng, 0), (4,)))(RNGS)
    fake = game.generator.apply({"params": state.generator.params}, latents, train=True)

    def logits(images, purpose):
        rngs = {"dropout": jax.random.fold_in(RNGS[0], purpose)}
        return game.discriminator.apply({"params": state.discriminator.params}, images, train=True, rngs=rngs)

    loss, _ = game.discriminator_loss(STAGE, state.discriminator.params, state, {"images": IMAGES}, RNGS)
    assert loss == (jax.nn.softplus(-logits(IMAGES, 2)) + jax.nn.softplus(logits(fake, 1))).mean()
    loss, _ = game.generator_loss(STAGE, state.generator.params, state, {"images": IMAGES}, RNGS)
    assert loss == jax.nn.softplus(-logits(fake, 1)).mean()
