"""Send one action to a deployed function, print its answer, and end with the exit code for it."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer
from rich.console import Console

from cachegate_cli.invoke import SYNC, InvokeError, invoke

Stack = Annotated[
    str, typer.Option("--stack", envvar="CACHEGATE_STACK", help="Name of the CloudFormation stack.")
]
DEFAULT_STACK = "cachegate"


def ask(stack: str, event: dict[str, Any], function_output: str = SYNC) -> None:
    """Print the answer as JSON; exit with 1 where it is an error, with 2 where there is none."""
    try:
        answer = invoke(stack, event, function_output)
    except InvokeError as error:
        sys.stderr.write(f"cachegate: {error}\n")
        raise typer.Exit(2) from error
    Console().print_json(data=answer)
    if not answer.get("ok"):
        raise typer.Exit(1)
