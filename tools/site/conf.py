"""Sphinx' settings for the site; `make site` builds it from the pages that tools/pages.py writes."""

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
smartquotes = False  # X' is a transposed matrix
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
