"""Which packages a wheel has; all else is in pyproject.toml."""

from setuptools import find_namespace_packages, find_packages, setup

# Recipes are installed as `suite.recipes`: the name `recipes` may be somebody else's.
setup(
    packages=find_packages(include=["suite*"])
    + [f"suite.{name}" for name in find_namespace_packages(include=["recipes*"])],
    package_dir={"suite.recipes": "recipes"},
)
