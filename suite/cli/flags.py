"""Every field of a Config is a flag."""

import ast
import dataclasses
import inspect
import io
import textwrap
import tokenize
import types
import typing
from typing import Any

import click

# In quotes, as ParamType is no generic in click 8.2.
TYPES: "dict[type, click.ParamType[Any]]" = {int: click.INT, float: click.FLOAT, str: click.STRING}


def config_flags(config_class: type) -> list[click.Option]:
    """Makes one command-line flag a field of a Config dataclass.

    Args:
        config_class: A dataclass whose fields all have defaults and are int, float, str, bool, one of those
            or None, a `Literal`, or a tuple of one type (`tuple[int, ...]`, given as "100,50"). The help of
            a field is the text of `Annotated[type, "text"]`, or else the comment behind it.

    Returns:
        click options named exactly as the fields (`--batch_size`; click also accepts `--batch-size`, see the
        CLI). Flags that are not given have the value None, so that the defaults stay in one place.
    """
    hints = typing.get_type_hints(config_class, include_extras=True)
    comments = _comments(config_class)
    return [
        _flag(field, hints[field.name], comments.get(field.name, ""))
        for field in dataclasses.fields(config_class)
    ]


def _comments(config_class: type) -> dict[str, str]:
    """The comments behind the fields of a class; none where its source is not to be had."""
    try:
        source = textwrap.dedent(inspect.getsource(config_class))
    except (OSError, TypeError):
        return {}
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = {token.start[0]: token.string for token in tokens if token.type == tokenize.COMMENT}
    (definition,) = ast.parse(source).body
    return {
        node.target.id: comments[node.end_lineno].lstrip("# ")
        for node in getattr(definition, "body", ())
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and node.end_lineno in comments
    }


def _flag(field: dataclasses.Field[Any], hint: Any, text: str = "") -> click.Option:
    if typing.get_origin(hint) is typing.Annotated:
        hint, text = typing.get_args(hint)
    if isinstance(hint, types.UnionType):
        hint = next(part for part in typing.get_args(hint) if part is not type(None))
    default = ",".join(map(str, field.default)) if isinstance(field.default, tuple) else field.default
    text = f"{text} [default: {default}]".strip()
    if hint is bool:
        return click.Option([f"--{field.name}/--no_{field.name}"], default=None, help=text)
    return click.Option([f"--{field.name}"], type=_click_type(hint), default=None, help=text)


def _click_type(hint: Any) -> "click.ParamType[Any]":
    if typing.get_origin(hint) is typing.Literal:
        return click.Choice(typing.get_args(hint))
    if typing.get_origin(hint) is tuple:
        return _Sequence(TYPES[typing.get_args(hint)[0]])
    return TYPES[hint]


class _Sequence(click.ParamType):  # type: ignore[type-arg]
    """Values separated by commas."""

    def __init__(self, item: "click.ParamType[Any]"):
        self.item, self.name = item, f"{item.name},..."

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Any, ...]:
        if isinstance(value, tuple):
            return value
        return tuple(self.item.convert(part, param, ctx) for part in value.split(","))
