"""Photos with masks to a segmenter for a phone: a U-Net decoder on a pretrained encoder.

It is trained on windows of the photos: where things are thin and the model sees large photos, many windows
teach more in the same time than a few whole photos. The epoch whose averaged weights have the best mean IoU
on whole validation photos is kept.
"""

import dataclasses
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from suite import console
from suite.data.pictures.mask_facts import class_pixels, have_up, thinnest
from suite.data.pictures.masked_batches import masked_batches
from suite.data.sets.segmentation_sets import SegmentationSet, read_segmentation_folder, stretched
from suite.evaluation.segmentation import mean_ratio
from suite.finetuning.budget import LOOKS, Seen, images_a_step, seconds_a_step, within
from suite.finetuning.config import Config
from suite.finetuning.phases import mixed_precision_on_gpu
from suite.finetuning.segmenter_result import answers, measure
from suite.models.encoder import build_encoder, freeze_up_to
from suite.models.unet import build_unet
from suite.runs.recipe import Context, Result
from suite.training.loop import higher
from suite.training.mask_losses import class_weights, mask_loss
from suite.training.part_rates import part_rates

SIDES = (224, 256, 320, 384, 512)
WINDOW = 256  # pixels, at most, of a side of what is trained on
LEAST_WIDTH = 8  # pixels that the thinnest class is wide where the side allows
HEAD_RATE = 2e-3
SEEN = Seen(views=20, least=2000, most=6000, least_views=1)  # windows
LOOKED_AT = 100  # photos: so many tell one epoch from another, and masks


@dataclasses.dataclass(frozen=True)
class Plan:
    """What the photos ask for.

    Attributes:
        side: Height and width in pixels of what the model sees.
        turns: Whether photos are turned in training.
        pixels: `(num_classes,)`, how many of each class there are in training.
    """

    side: int
    turns: bool
    pixels: np.ndarray


def run(config: Config, context: Context) -> Result:
    """Trains the segmenter of a folder: what `finetune` does before the export."""
    read_at = config.side or SIDES[-1]
    ignored = tuple(name.strip() for name in config.ignore.split(",") if name.strip())
    data = read_segmentation_folder(
        str(context.source.path), context.seed, (read_at, read_at), context.folder, ignored
    )
    plan = make_plan(data, config)
    sizes = ", ".join(f"{len(masks)} ({part})" for part, masks in data.masks.items())
    console.say(f"found photos with masks of {len(data.classes)} classes: {sizes}")
    console.say(
        f"seen at {plan.side} x {plan.side} pixels, turned "
        f"{'by any angle' if plan.turns else 'a little, as they have an up'}"
    )
    data = stretched(data, plan.side, context.folder)
    with mixed_precision_on_gpu():
        encoder = build_encoder(config.backbone, min(plan.side, WINDOW))
        freeze_up_to(encoder, 0)
        trained = build_unet(encoder, len(data.classes))
        model = build_unet(build_encoder(config.backbone, plan.side), len(data.classes))
    curves = train(trained, encoder.trainable_variables, model, data, plan, config, context)
    return measure(model, data, plan.pixels, curves, context.folder)


def make_plan(data: SegmentationSet, config: Config) -> Plan:
    """Chooses the side by how thin the things are, and whether to turn by whether the photos have an up.

    Args:
        data: Photos with masks, at the size that they are kept at.
        config: Its `side` and `turns` stand above both.
    """
    images, masks, num_classes = data.images["train"], data.masks["train"], len(data.classes)
    rows = np.unique(np.linspace(0, len(masks) - 1, LOOKED_AT, dtype=int))
    side = config.side
    if not side:
        wanted = masks.shape[1] * LEAST_WIDTH / thinnest((masks[row] for row in rows), num_classes)
        side = next((each for each in SIDES if each >= wanted), SIDES[-1])
    turns = config.turns
    if turns is None:
        turns = not have_up(((images[row], masks[row]) for row in rows), num_classes)
    pixels = sum((class_pixels(masks[row], num_classes) for row in range(len(masks))), np.zeros(num_classes))
    return Plan(side, turns, pixels)


def train(
    trained: keras.Model,
    pretrained: Sequence[keras.Variable],
    model: keras.Model,
    data: SegmentationSet,
    plan: Plan,
    config: Config,
    context: Context,
) -> dict[str, list[float]]:
    """Trains to the epoch that is best on validation; gives the curves of `suite.training.loop.fit`.

    Args:
        trained: From `build_unet`, for windows; is changed.
        pretrained: Its variables that move at the lower rate.
        model: The same for whole photos; gets its weights.
        data: Photos with masks, at the side that the model sees.
        plan: For them.
        config: Of the run.
        context: Of the run; its seed is that of order and augmentation.
    """
    images, masks = data.images["train"], data.masks["train"]
    batch_size, size = images_a_step(config), trained.input_shape[1:3]

    def batches_of(steps: int, epoch: int) -> tf.data.Dataset:
        seed = context.seed * 1000 + epoch
        return masked_batches(
            images, masks, size, batch_size=batch_size, steps=steps, seed=seed, turns=plan.turns
        )

    losses = {"probabilities": mask_loss(class_weights(plan.pixels))}
    trained.compile(loss=losses)
    wanted = config.steps or SEEN.steps(len(images), batch_size)
    steps = within(config.minutes, wanted, context, lambda: seconds_a_step(trained, batches_of(8, 0)))
    looks = min(LOOKS, steps)
    an_epoch = -(-steps // looks)
    console.say(f"training: {looks} x {an_epoch} steps of {batch_size} windows")
    optimizer = part_rates(pretrained, looks * an_epoch, rate=HEAD_RATE, pretrained_rate=config.learning_rate)
    trained.compile(optimizer, loss=losses)
    held_out = range(min(LOOKED_AT, len(data.masks["validation"])))

    def validate() -> dict[str, float]:
        model.set_weights(trained.get_weights())
        counts, _ = answers(model, data, "validation", held_out)
        return {"validation_mean_iou": mean_ratio(counts)}

    curves = context.fit(
        trained,
        lambda epoch: batches_of(an_epoch, epoch),
        epochs=looks,
        measure=validate,
        better=higher("validation_mean_iou"),
    )
    model.set_weights(trained.get_weights())
    return curves | {"steps": [looks * an_epoch]}
