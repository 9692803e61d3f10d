import json

import pytest

from suite.data.folders.mask_colors import Color, parse_colors

COLORS = (Color("background", 0), Color("leaf", 0x00B000), Color("dead leaf", 0xFF0000))
RGB = [[0, 0, 0], [0, 176, 0], [255, 0, 0]]
HEX = ["#000000", "#00B000", "#ff0000"]
NAMES = ["background", "leaf", "dead leaf"]


@pytest.mark.parametrize(
    "text",
    [
        "background 0 0 0\nleaf 0 176 0\ndead leaf 255 0 0\n",
        "0 0 0\tbackground\n0 176 0\tleaf\n\n255 0 0\tdead leaf",
        "name,r,g,b\nbackground,0,0,0\nleaf,0,176,0\ndead leaf,255,0,0",
        "id;name;r;g;b\n0;background;0;0;0\n1;leaf;0;176;0\n2;dead leaf;255;0;0",
        "# label:color_rgb:parts:actions\nbackground:0,0,0::\nleaf:0,176,0::\ndead leaf:255,0,0::",
        "0 0 0 0 background\n1 0 176 0 leaf\n2 255 0 0 dead leaf",
        "#000000 background\n#00b000 leaf\n#FF0000 dead leaf",
        "background: [0, 0, 0]\nleaf: [0, 176, 0]\ndead leaf: [255, 0, 0]",
        json.dumps({"colors": RGB, "class_names": NAMES}),
        json.dumps(dict(zip(NAMES, RGB, strict=True))),
        json.dumps([{"name": name, "color": rgb} for name, rgb in zip(NAMES, RGB, strict=True)]),
        json.dumps({"classes": [{"title": n, "color": c} for n, c in zip(NAMES, HEX, strict=True)]}),
    ],
)
def test_lists_of_colors(text):
    assert parse_colors(text) == COLORS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cat\ndog\n",
        "leaf 0 176 0\n",
        "leaf 0 176 0\nleaf 1 2 3\n",
        "leaf 0 176 0\nstem 0 176 0\n",
        "leaf 0 176 0\nstem 0 176 256\n",
        "leaf 0 176 0\nsome text\n",
        "0 0.5 0.5 0.5 0.5\n1 0.5 0.5 0.5 0.5\n",
        '{"license": "MIT", "version": [1, 2, 3]}',
        "{",
    ],
)
def test_what_is_none(text):
    assert parse_colors(text) == ()


def test_names_with_numbers():
    assert parse_colors("class 1 0 0 0\nclass 2 0 0 9") == (Color("class 1", 0), Color("class 2", 9))
    assert parse_colors("0 0 0\n255 255 255") == (Color("#000000", 0), Color("#ffffff", 0xFFFFFF))
