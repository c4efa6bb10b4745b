"""The options that every command shares, and whom they mean.

A command takes an `Asking` first and is decorated by `asks`, which turns that into the options
`--stack`, `--profile`, `--region`, `--local` and `--json`.
"""

from __future__ import annotations

import inspect
import os
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cachegate_cli.asking import Asking
from cachegate_cli.local import Local, socket_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from cachegate_cli.functions import Functions

DEFAULT_STACK = "cachegate"
WHOM = "Whom to ask, and how to answer"


Stack = Annotated[
    str,
    typer.Option(
        "--stack",
        envvar="CACHEGATE_STACK",
        help="Name of the CloudFormation stack.",
        rich_help_panel=WHOM,
    ),
]
Profile = Annotated[
    str | None,
    typer.Option(
        "--profile",
        help="AWS profile; without it AWS_PROFILE or the default one counts.",
        rich_help_panel=WHOM,
    ),
]
Region = Annotated[
    str | None,
    typer.Option(
        "--region",
        envvar="AWS_REGION",  # which boto3, unlike the AWS CLI, does not read
        help="AWS Region; else AWS_DEFAULT_REGION or that of the profile counts.",
        rich_help_panel=WHOM,
    ),
]
UseLocal = Annotated[
    bool,
    typer.Option(
        "--local",
        help="Ask the embedded world of `make local`; so does a socket in CACHEGATE_LOCAL.",
        rich_help_panel=WHOM,
    ),
]
Json = Annotated[
    bool,
    typer.Option("--json", help="Print the answer as the function gave it.", rich_help_panel=WHOM),
]


def asks(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the shared options, and the `Asking` that they make as its first argument."""

    @wraps(command)
    def asking(
        context: typer.Context,
        *,
        stack: str,
        profile: str | None,
        region: str | None,
        local: bool,
        as_json: bool,
        **options: Any,
    ) -> None:
        reach: Callable[..., Functions] = context.obj or functions_of
        functions = reach(stack, profile, region, local=local)
        name = "the embedded world" if isinstance(functions, Local) else stack
        command(Asking(functions=functions, as_json=as_json, name=name), **options)

    _, *own = inspect.signature(command, eval_str=True).parameters.values()
    context = inspect.Parameter(
        "context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context
    )
    parameters = [context, *own, *_shared()]
    asking.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    asking.__annotations__ = {each.name: each.annotation for each in parameters}
    return asking


def _shared() -> list[inspect.Parameter]:
    return [
        _parameter("stack", Stack, DEFAULT_STACK),
        _parameter("profile", Profile, None),
        _parameter("region", Region, None),
        _parameter("local", UseLocal, default=False),
        _parameter("as_json", Json, default=False),
    ]


def _parameter(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default
    )


def functions_of(stack: str, profile: str | None, region: str | None, *, local: bool) -> Functions:
    """Return whom the options mean."""
    if local or os.environ.get("CACHEGATE_LOCAL"):
        return Local(socket_path(os.environ))
    # boto3 takes half a second to import: help, completion and local answers do without.
    from cachegate_cli.deployed import Deployed  # noqa: PLC0415

    return Deployed(stack, profile, region)
