"""What every command shares: --quiet and --debug, exit statuses, how paths and next commands are shown."""

from typing import Any

import click

from suite import console

# "-" and "_" are the same in names of commands and flags: --batch_size as in the Config, --batch-size by
# habit.
SETTINGS = {
    "help_option_names": ["-h", "--help"],
    "token_normalize_func": lambda token: token.replace("-", "_"),
    "max_content_width": 110,
}

SCALE = click.option(
    "--scale",
    default=None,
    metavar="LOW..HIGH",
    help="What the model takes for black and white, as 0..1, where it does not say so itself.",
)


class Command(click.Command):
    """A command with --quiet and --debug, wherever they stand."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.params += [
            click.Option(["--quiet"], is_flag=True, help="No progress, only results and warnings."),
            click.Option(["--debug"], is_flag=True, help="Show tracebacks and TensorFlow's own messages."),
        ]

    def invoke(self, ctx: click.Context) -> Any:
        console.set_quiet(ctx.params.pop("quiet"))
        ctx.params.pop("debug")  # read from the arguments in main(), before anything can fail
        return super().invoke(ctx)


def given(arguments: dict[str, Any]) -> dict[str, Any]:
    """Leaves out the arguments that were not given, so that the defaults stay in one place."""
    return {key: value for key, value in arguments.items() if value is not None}


def say_next(*commands: str) -> None:
    """Prints what to type next."""
    for command in commands:
        console.say(f"next: {command}")
