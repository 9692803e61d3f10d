"""`suite run NAME`: a command for each recipe, with the fields of its Config as flags, each week and all."""

from types import ModuleType
from typing import Any

import click

from suite import console
from suite.cli.options import Command, given, say_next
from suite.lessons import catalog


class RecipeGroup(click.Group):
    """The recipes as commands; each is imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        return [entry.split("/")[1] for entry in catalog.catalog()]

    def get_command(self, ctx: click.Context, name: str) -> click.Command:  # noqa: ARG002  click's signature
        if catalog.is_file(name):
            return _recipe_command(name)
        entries = catalog.select(name)
        return (
            _recipe_command(name) if entries[0].split("/")[1] == name else _selection_command(name, entries)
        )

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        names = zip(self.list_commands(ctx), catalog.catalog(), strict=True)
        with formatter.section("Recipes"):
            formatter.write_dl([(name, catalog.about(entry).title) for name, entry in names])


def _options() -> list[click.Option]:
    return [
        click.Option(
            ["--data"], default="embedded", help="embedded, tfds, tfds:NAME, or your own data's path."
        ),
        click.Option(
            ["--out"],
            default=None,
            help="Folder of the bundle [default: saved_models/NAME, saved_models/smoke/NAME].",
        ),
        click.Option(["--seed"], type=int, default=0, show_default=True, help="Seed of everything random."),
        click.Option(["--resume"], is_flag=True, help="Go on with an interrupted run."),
        click.Option(
            ["--smoke"], is_flag=True, help="A tiny configuration, in seconds; claims are not checked."
        ),
    ]


def _recipe_command(name: str) -> click.Command:
    from suite.cli.flags import config_flags
    from suite.runs.options import RunOptions

    recipe = catalog.load_recipe(name)

    def run_one(**arguments: Any) -> None:
        from suite.bundle.record import read_result
        from suite.runs.job import run

        folder = run(name, **given(arguments))
        if folder is None:
            return
        exported = read_result(folder).artifacts
        say_next(f"suite verify {console.shown(folder)}" if exported else "suite list")

    return Command(
        name,
        params=[*_options(), *config_flags(recipe.Config), *config_flags(RunOptions)],
        callback=run_one,
        help=_help(recipe),
    )


def _help(recipe: ModuleType) -> str:
    """The docstring, line by line; of a recipe in cells its title, what it is about, and its claims."""
    if recipe.__doc__:
        return recipe.__doc__.replace("\n\n", "\n\n\b\n")
    about = catalog.about_module(recipe)
    claims = "\n\n".join(f"- {claim}" for claim in about.claims)
    return f"{about.title}.\n\n{about.lead}\n\nA run claims:\n\n{claims}\n\nTakes {about.cost}."


def _selection_command(name: str, entries: list[str]) -> click.Command:
    def run_several(**arguments: Any) -> None:
        from suite.runs.several import run_several as verb

        verb(name, entries, **arguments)
        say_next("suite list")

    summary = (
        f"Run {len(entries)} recipes, each in a process of its own; one that fails does not stop the rest."
    )
    return Command(name, params=_options(), callback=run_several, help=summary)
