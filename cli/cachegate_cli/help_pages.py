"""Commands and groups whose help shows no value where an option takes none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand, TyperGroup

if TYPE_CHECKING:
    from collections.abc import Iterable

# What every command has (options.py), and the program as a whole has not.
SHARED = frozenset({"--stack", "--profile", "--region", "--local", "--json"})


class Command(TyperCommand):
    """A command."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return its parameters; typer would write <bool> behind the flags."""
        return without_values(super().get_params(ctx))


class Group(TyperGroup):
    """Several commands under one name."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return its parameters; typer would write <bool> behind the flags."""
        return without_values(super().get_params(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read its own options; say where those belong that each command has."""
        first = args[0].partition("=")[0] if args else ""
        if first in SHARED:
            ctx.fail(f"{first} stands behind the command, as in: cachegate status {first}")
        return super().parse_args(ctx, args)


def without_values(parameters: Iterable[Any]) -> list[Any]:
    """Return parameters, of which flags show no value."""
    found = list(parameters)
    for each in found:
        if getattr(each, "is_flag", False):
            each.metavar = ""
    return found
