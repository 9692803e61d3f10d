import numpy as np
import tensorflow as tf

from suite.data.sets.style_images import resize
from suite.models.loss_network import JUDGING_LAYERS, build_loss_network
from suite.training.style_judge import Judge, ask_both

RNG = np.random.default_rng(0)
PHOTOS = RNG.integers(0, 256, (2, 64, 96, 3), dtype=np.uint8)
PAINTING = np.kron(RNG.integers(0, 256, (4, 4, 3)), np.ones((16, 16, 1))).astype(np.uint8)


def test_the_trivial_answers_bound_the_scale():
    judge = Judge(PAINTING, PHOTOS, weights=None)
    assert np.allclose(judge.measure(PHOTOS, PHOTOS), (1, 0))
    assert np.allclose(judge.measure(PHOTOS[:, ::-1, ::-1], PHOTOS)[1], 1)
    square = PHOTOS[:, :, :64]
    style, content = judge.measure(np.stack([PAINTING, PAINTING]), square)
    assert abs(style) < 1e-6 and content > 0.1


def test_losses_are_those_of_numpy():
    judge = Judge(PAINTING, PHOTOS, weights=None, style=JUDGING_LAYERS, content=JUDGING_LAYERS[0])
    style, content = (values.numpy() for values in judge.losses(PHOTOS[::-1], judge.content(PHOTOS)))
    features = build_loss_network(None, JUDGING_LAYERS, JUDGING_LAYERS[0])
    features.set_weights(judge.features.get_weights())
    mine, painted, photo, turned = (
        features(each.astype(np.float32))
        for each in (PHOTOS[::-1], PAINTING[None], PHOTOS, PHOTOS[:, ::-1, ::-1])
    )

    def grams(maps: tf.Tensor) -> np.ndarray:
        rows = np.reshape(maps, (len(maps), -1, maps.shape[-1])).astype(np.float64)
        return np.stack([each.T @ each / each.size for each in rows])

    pairs = [(grams(one), grams(other)) for one, other in zip(mine["style"], painted["style"], strict=True)]
    expected = np.mean([((a - b) ** 2).sum(axis=(1, 2)) / (b**2).sum() for a, b in pairs], axis=0)
    np.testing.assert_allclose(style, expected, rtol=1e-3)
    mean = ((np.array(mine["content"]) - np.array(photo["content"])) ** 2).mean(axis=(1, 2, 3))
    unit = ((np.array(turned["content"]) - np.array(photo["content"])) ** 2).mean()
    np.testing.assert_allclose(content, mean / unit, rtol=1e-3)


def test_the_objective_adds_up():
    judge = Judge(PAINTING, PHOTOS, weights=None)
    images, content = PHOTOS[::-1].astype(np.float32), judge.content(PHOTOS)
    style, kept = judge.losses(images, content)
    rough = sum(np.abs(np.diff(images, axis=axis)).mean(axis=(1, 2, 3)) for axis in (1, 2)) / 255
    np.testing.assert_allclose(
        judge.objective(images, content, 3.0, 0.2), style + 3 * kept + 0.2 * rough, rtol=1e-4
    )


def test_a_fade_is_held_against_itself_and_against_its_neighbors():
    judge = Judge(PAINTING, PHOTOS, weights=None)
    painting = resize(PAINTING, (64, 96))
    fades = [np.rint((1 - share) * PHOTOS + share * painting) for share in (0.3, 0.35, 0.4)]
    styles, losses = zip(*(judge.measure(fade, PHOTOS) for fade in fades), strict=True)
    assert losses[0] < losses[1] < losses[2] and judge.over_fade(PHOTOS, PHOTOS) == 1
    assert np.isclose(judge.over_fade(fades[2], PHOTOS), 1, rtol=1e-3)
    way = (losses[1] - losses[0]) / (losses[2] - losses[0])
    expected = styles[1] / ((1 - way) * styles[0] + way * styles[2])
    assert np.isclose(judge.over_fade(fades[1], PHOTOS), expected, rtol=1e-3)


def test_asking_two_judges():
    judge = Judge(PAINTING, PHOTOS, weights=None)
    deeper = Judge(PAINTING, PHOTOS, weights=None, style=["image"])
    images = PHOTOS[::-1]
    found = ask_both(judge, deeper, images, PHOTOS, "a")
    assert (found["a_style_loss_ratio"], found["a_content_loss"]) == judge.measure(images, PHOTOS)
    assert (found["a_judged_style"], found["a_judged_content"]) == deeper.measure(images, PHOTOS)
