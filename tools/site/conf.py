"""Sphinx' settings for the site; `make site` builds it from the pages that tools/pages.py writes."""

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

project = "keras-course-suite"
html_title = "Every lecture a recipe"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
suppress_warnings = ["myst.header"]  # a recipe's text may begin with any heading
autodoc_typehints = "none"
autodoc_member_order = "bysource"
add_module_names = False
language = "en"
smartquotes_action = "D"  # dashes only: X' is a transposed matrix
default_role = "code"  # what docstrings have in single backquotes
napoleon_use_ivar = True  # attributes are told once
napoleon_custom_sections = ["Reference"]
highlight_language = "none"  # formulas and commands; code says that it is Python

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
html_theme_options = {"navigation_with_keys": True}
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
copybutton_exclude = ".linenos, .gp"


def formulas_as_they_stand(*told: Any) -> None:
    """Keeps what a docstring sets apart by indenting, formulas most of them, from being read as markup."""
    lines: list[str] = told[-1]
    text = [line for line in enumerate(lines) if line[1].strip()]
    for (before, above), (index, line) in reversed(list(pairwise(text))):
        if line.startswith("    ") and not above.startswith(" ") and index > before + 1:
            lines[index:index] = ["::", ""]


# What axe-core finds in furo's and Sphinx' pages, and what is right.
MENDED = {
    r'<p class="caption" role="heading">': '<p class="caption" role="heading" aria-level="2">',
    r'<aside class="sidebar-drawer">': '<aside class="sidebar-drawer" aria-label="Site">',
    r'<aside class="toc-drawer(?=[^>]*>)': '<aside aria-label="This page" class="toc-drawer',
    r"<pre>": '<pre tabindex="0">',  # what scrolls must be reached by keys
    r'<div class="table-wrapper': '<div tabindex="0" class="table-wrapper',
    r'<th class="head"><p></p></th>': "<td></td>",
    r'(?<!</h1>)<div id="search-results">': '<h1>Search</h1><div id="search-results">',
}


def mend(app: Sphinx, _error: Exception | None) -> None:
    """Makes the finished pages accessible."""
    for page in Path(app.outdir).rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        for fault, right in MENDED.items():
            text = re.sub(fault, right, text)
        page.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> None:
    """Sphinx calls this; napoleon comes after, at 500."""
    app.connect("autodoc-process-docstring", formulas_as_they_stand, priority=400)
    app.connect("build-finished", mend)
