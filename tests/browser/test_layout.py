"""The page on a narrow screen, by the keyboard, in light and dark."""

import numpy as np
import pytest

from tests.browser.pages import answered, teach, write_picture


def test_the_page_fits_a_phone_and_the_keyboard(pictures, open_page, tmp_path):
    page = open_page(pictures)
    teach(
        page,
        "yellow with a very long name that has to be broken somewhere",
        [write_picture(tmp_path / "a.png", seed=i) for i in range(2)],
    )
    page.set_input_files("#file", tmp_path / "a.png")
    answered(page, 1)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.focus("#variants input:checked")
    page.keyboard.press("ArrowDown")
    page.locator("#status", has_text="model_int8.tflite is ready").wait_for()
    reached = set()
    for _ in range(20):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.textContent"))
    assert {
        "file",
        "camera",
        "class-name",
        "From the camera",
        "train",
        "rounds",
        "rate",
        "load",
    } <= reached
    unnamed = page.locator("button, input, select, textarea").evaluate_all(
        """(all) => all.filter((each) => each.checkVisibility())
            .filter((each) => !(each.textContent || each.labels?.length || each.ariaLabel))
            .map((each) => each.id)"""
    )
    assert unnamed == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_can_be_read_in_both_schemes(scheme, pictures, open_page):
    """A contrast of at least 4.5 (WCAG 2, AA)."""
    page = open_page(pictures, color_scheme=scheme)
    for place in ("#title", "#status", "#variants small", ".primary", "#teach-help", "#camera"):
        texts, grounds = (
            page.locator(place).first.evaluate(
                """(element, property) => {
                    for (let each = element; each; each = each.parentElement) {
                        const color = getComputedStyle(each)[property];
                        if (!color.endsWith(", 0)")) return color.match(/[\\d.]+/g).map(Number);
                    }
                }""",
                kind,
            )
            for kind in ("color", "backgroundColor")
        )
        lighter, darker = sorted((luminance(texts), luminance(grounds)), reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5, place


def luminance(color):
    values = np.array(color[:3]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4) @ [
        0.2126,
        0.7152,
        0.0722,
    ]
