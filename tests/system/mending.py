"""Do what a line of `doctor` says is to be done: the commands that a machine can do."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from botocore import xform_name

from tests.unit.planning.command_line import read

if TYPE_CHECKING:
    from local.nat_world import NatInstance
    from local.world import World

ON_THE_INSTANCE = "on the instance: sudo "

Lines = dict[tuple[str, str], dict[str, Any]]  # by check and subject


def examine(world: World, *, probe: bool = False) -> Lines:
    """Return the lines of `doctor`; the same check of the same thing is there once."""
    answer = world.invoke({"action": "doctor", "probe": probe})
    assert answer["ok"], answer
    return {(line["check"], line["subject"]): line for line in answer["checks"]}


def troubles(lines: Lines) -> dict[tuple[str, str], str]:
    """Return the state of each line that does not pass."""
    found = {key: line["state"] for key, line in lines.items() if line["state"] != "pass"}
    assert all(lines[key]["fix"] for key in found)
    return found


def mend(world: World, fix: str, nat: NatInstance | None = None, **named: str) -> None:
    """Run the command that a fix begins with; `named` are its words in capitals."""
    command = fix.partition(";")[0]
    for word, value in named.items():
        command = command.replace(word, value)
    if command.startswith(ON_THE_INSTANCE):
        assert nat is not None
        nat.host.run(*shlex.split(command.removeprefix(ON_THE_INSTANCE)))
    elif command.startswith("cachegate "):
        action, *instance = command.split()[1:]
        answer = world.invoke({"action": action} | ({"instance": instance[0]} if instance else {}))
        assert answer["ok"], answer
    else:
        program, *words = shlex.split(command)
        assert program == "aws", fix
        call = read(words)
        client: Any = world.aws.client(call.service)
        getattr(client, xform_name(call.operation))(**call.parameters)
