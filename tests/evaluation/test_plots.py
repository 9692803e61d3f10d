import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from suite.evaluation import plots


def test_new_figure_gives_axes_in_the_shape_asked_for():
    figure, axes = plots.new_figure("A title", 5.0, 3.0)
    assert isinstance(figure, Figure)
    assert figure.get_suptitle() == "A title"
    assert tuple(figure.get_size_inches()) == (5.0, 3.0)
    assert axes is figure.axes[0]
    assert plots.new_figure(columns=3)[1].shape == (3,)
    assert plots.new_figure(rows=2, columns=3)[1].shape == (2, 3)


def test_house_style_is_on_the_figure_and_nowhere_else():
    before = dict(matplotlib.rcParams)
    _, axes = plots.new_figure()
    colors = [axes.plot([0, 1])[0].get_color() for _ in range(3)]
    assert colors == list(plots.COLORS[:3])
    assert not axes.spines["top"].get_visible()
    assert dict(matplotlib.rcParams) == before


def test_fonts_are_installed():
    assert plots.STYLE["font.family"][0] == "DejaVu Sans"
    assert set(plots.STYLE["font.family"]) <= set(plots.fontManager.get_font_names())


def test_learning_curves_draw_each_history_from_epoch_one(tmp_path):
    histories = {"train_loss": [3.0, 2.0, 1.5, 1.25], "validation_loss": [3.5, float("nan"), 2.0]}
    figure = plots.learning_curves(histories, ylabel="loss, nats", title="Losses")
    axes = figure.axes[0]
    for line, values in zip(axes.get_lines(), histories.values(), strict=True):
        np.testing.assert_array_equal(line.get_xdata(), np.arange(1, len(values) + 1))
        np.testing.assert_array_equal(line.get_ydata(), values)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["train loss", "validation loss"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "loss, nats")
    assert figure.get_suptitle() == "Losses"
    figure.savefig(tmp_path / "curves.png")


def test_one_epoch_is_visible_and_one_history_needs_no_legend():
    axes = plots.learning_curves({"loss": [0.5]}, ylabel="loss", title="").axes[0]
    assert axes.get_lines()[0].get_marker() == "o"
    assert axes.get_legend() is None


@pytest.mark.parametrize("histories", [{}, {"loss": []}])
def test_learning_curves_refuse_nothing(histories):
    with pytest.raises(ValueError, match="expected at least one epoch, received empty histories; leave the"):
        plots.learning_curves(histories, ylabel="loss", title="")


@pytest.mark.parametrize("shape", [(5, 8, 6, 3), (5, 8, 6)])
def test_image_grid_shows_every_image_above_its_caption(shape, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    captions = [f"$ image {index}" for index in range(5)]
    figure = plots.image_grid(images, captions, columns=3, title="Five")
    assert len(figure.axes) == 6  # two rows of three; the last cell is empty
    for axes, image, caption in zip(figure.axes, images, captions, strict=False):
        np.testing.assert_array_equal(axes.get_images()[0].get_array(), image)
        assert [text.get_text() for text in axes.texts] == [caption]
    assert not figure.axes[5].get_images() and not figure.axes[5].axison
    assert figure.get_suptitle() == "Five"
    figure.savefig(tmp_path / "grid.png")


def test_gray_images_are_not_stretched_to_full_contrast():
    figure = plots.image_grid(np.full((1, 4, 4), 100, np.uint8), ["gray"], columns=4, title="")
    assert figure.axes[0].get_images()[0].get_clim() == (0, 255)
    assert len(figure.axes) == 1


def test_long_captions_are_wrapped_to_three_lines():
    figure = plots.image_grid(np.zeros((1, 4, 4), np.uint8), ["word " * 40], columns=1, title="")
    lines = figure.axes[0].texts[0].get_text().split("\n")
    assert len(lines) == 3 and lines[2].endswith("…") and max(map(len, lines)) <= 27


def test_image_grid_refuses_what_it_cannot_show():
    expected = (
        r"expected at least one image, \(n, height, width, 3\) or \(n, height, width\) uint8, received "
    )
    for images, received in (
        (np.zeros((0, 4, 4), np.uint8), r"\(0, 4, 4\) uint8"),
        (np.zeros((1, 4, 4)), r"\(1, 4, 4\) float64"),
        (np.zeros((1, 4, 4, 4), np.uint8), r"\(1, 4, 4, 4\) uint8"),
    ):
        with pytest.raises(ValueError, match=expected + received):
            plots.image_grid(images, ["a"], columns=1, title="")
    with pytest.raises(ValueError, match="expected a caption per image, received 2 for 1 images"):
        plots.image_grid(np.zeros((1, 4, 4), np.uint8), ["a", "b"], columns=1, title="")


def test_pyplot_is_not_needed():
    code = "import sys, suite.evaluation.plots; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_curves_that_begin_before_training():
    axes = plots.learning_curves({"loss": [2.0, 1.0]}, ylabel="loss", title="", first_epoch=0).axes[0]
    assert axes.get_lines()[0].get_xdata().tolist() == [0, 1]


def test_curves_draw_each_line_with_its_name():
    _, (left, right) = plots.new_figure(columns=2)
    plots.curves(left, {"one": ([1, 2], [3, 4], "o-"), "two": ([1, 2], [5, 6])}, title="T", xscale="log")
    assert [line.get_label() for line in left.lines] == ["one", "two"]
    assert left.lines[0].get_marker() == "o" and list(left.lines[1].get_ydata()) == [5, 6]
    assert left.get_title() == "T" and left.get_xscale() == "log" and left.get_legend()
    plots.curves(right, {"alone": ([1, 2], [3, 4])})
    assert right.get_legend() is None


def test_named_ticks_of_a_logarithmic_axis_have_no_others_between_them(tmp_path):
    figure, axes = plots.new_figure()
    settings = {"xscale": "log", "yscale": "log", "xticks": (4, 16), "xticklabels": (4, 16)}
    plots.curves(axes, {"": ((4, 16), (1, 50))}, **settings)
    figure.savefig(tmp_path / "figure.png")  # places the ticks
    assert axes.get_xticks().tolist() == [4, 16] and not len(axes.get_xticks(minor=True))
    assert len(axes.get_yticks(minor=True))


def test_costs_of_each_way_in_seconds_and_bytes():
    sizes, measured = np.array([16, 64]), np.arange(1.0, 9).reshape(2, 2, 2)
    time, memory = plots.costs(sizes, measured, ("one", "two"), "size").axes
    assert [line.get_label() for line in time.lines] == ["one", "two"]
    assert [list(line.get_ydata()) for line in time.lines] == [[1, 5], [3, 7]]
    assert [list(line.get_ydata()) for line in memory.lines] == [[2, 6], [4, 8]]
    assert (time.get_ylabel(), memory.get_ylabel(), time.get_xlabel()) == ("seconds", "bytes", "size")
    assert time.get_xscale() == memory.get_yscale() == "log"


def test_draws_show_every_number_and_the_mean():
    figure = plots.draws({"plain": [1.0, 3.0], "better": [0.5, 1.0]}, xlabel="nats", title="T")
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["plain", "better"]
    assert axes.get_xlim()[0] == 0
    assert [list(line.get_xdata()) for line in axes.lines] == [[1, 3], [2], [0.5, 1], [0.75]]
    assert plots.draws({"a": [-1.0]}, xlabel="x", title="T").axes[0].get_xlim()[0] < 0
    with pytest.raises(ValueError, match="expected a number for every name, received none"):
        plots.draws({"a": []}, xlabel="x", title="T")


def test_boxes_lie_over_the_pixels_they_name():
    figure, axes = plots.new_figure()
    axes.imshow(np.zeros((10, 20, 3), np.uint8))
    plots.boxes(axes, np.array([(0.1, 0.25, 0.5, 1.0)]), (10, 20), ["$x 0.9"], linestyle=":")
    (patch,) = axes.patches
    assert patch.get_xy() == (4.5, 0.5) and (patch.get_width(), patch.get_height()) == (15, 4)
    assert patch.get_linestyle() == ":" and axes.texts[0].get_text() == "$x 0.9"
    figure.canvas.draw()


def test_image_rows_have_a_name_each():
    rows = {"what was given": np.full((3, 4, 4, 1), 200, np.uint8), "answer_here": np.full((3, 4, 4, 3), 1.5)}
    figure = plots.image_rows(rows, title="t")
    assert [axes.get_ylabel() for axes in figure.axes] == ["what was given", "answer_here"]
    first, second = (axes.images[0].get_array() for axes in figure.axes)
    assert first.shape == (48, 3 * 48 + 2 * 2) and second.shape == (*first.shape, 3)  # 48 an image, 2 between
    assert first[0, 0] == 200 / 255 and first[0, 48] == 1 and first[0, -1] == 200 / 255
    assert second.max() == 1  # cut off
    assert len(plots.image_rows({"one": np.zeros((1, 4, 4, 1))}, title="t").axes) == 1
    for rows in (
        {},
        {"a": np.zeros((0, 4, 4, 1))},
        {"a": np.zeros((1, 4, 4, 1)), "b": np.zeros((2, 4, 4, 1))},
    ):
        with pytest.raises(ValueError, match="^expected rows of equally many images, at least one, received"):
            plots.image_rows(rows, title="t")


def test_two_by_two_pictures():
    first, second = (np.full((4, 6, 3), value, np.uint8) for value in (10, 20))
    figure = plots.two_by_two({"one": first, "other": second}, "t")
    assert [axes.get_title() for axes in figure.axes] == ["one", "other", "", ""]
    np.testing.assert_array_equal(figure.axes[1].images[0].get_array(), second)
