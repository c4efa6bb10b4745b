"""Run lines as a shell does, with an `aws` that notes its words; read these as the AWS CLI does.

The CLI derives its commands and options from the model of the service, which botocore has:
`--security-group-ids` of `modify-cache-cluster` is SecurityGroupIds of ModifyCacheCluster.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore import xform_name
from botocore.validate import validate_parameters

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from botocore.model import ServiceModel, Shape

MADE = "sg-0new"  # what create-security-group answers
_GLOBAL = {"--region", "--query", "--output"}
# Options that the CLI adds to ec2's own: one rule in words.
_SIMPLE = ("--protocol", "--port", "--cidr", "--source-group")
_END = "\1"  # between two calls; words end with a zero byte
_AWS = f"""#!/bin/sh
printf '%s\\0' "$@" '{_END}' >>"$NOTES"
case "$2" in create-security-group) echo {MADE} ;; esac
"""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the AWS CLI, read by the model of its service."""

    service: str
    operation: str
    parameters: dict[str, Any]
    options: dict[str, str]  # of the CLI itself

    def shown(self, listed: str) -> set[str]:
        """Return the fields of each thing in a list of the answer."""
        answer: Any = _model(self.service).operation_model(self.operation).output_shape
        return set(answer.members[listed].member.members)


def run(lines: Iterable[str], folder: Path) -> list[Call]:
    """Run lines in one shell, in an empty folder, and return the calls that they made."""
    program, notes, work = folder / "aws", folder / "notes", folder / "work"
    program.write_text(_AWS)
    program.chmod(0o755)
    notes.touch()
    work.mkdir()
    subprocess.run(
        ["sh", "-eu"], input="\n".join(lines), text=True, check=True, cwd=work,
        env={"PATH": f"{folder}:/usr/bin:/bin", "NOTES": str(notes)}, capture_output=True,
    )  # fmt: skip
    assert list(work.iterdir()) == []  # no text became a command that writes
    made = notes.read_text().split(f"{_END}\0")
    return [read(words.removesuffix("\0").split("\0")) for words in made if words]


def read(words: list[str]) -> Call:
    """Read the words after `aws`; raise what the CLI would refuse."""
    service, action, *rest = words
    model = _model(service)
    (operation,) = (n for n in model.operation_names if xform_name(n, "-") == action)
    shape = model.operation_model(operation).input_shape
    assert shape is not None
    members = {f"--{xform_name(name, '-')}": name for name in shape.members}
    rest = _in_full(rest) if "--protocol" in rest else rest
    found: dict[str, list[str]] = {}
    for word in rest:
        if word.startswith("--"):
            assert word in members or word in _GLOBAL, word
            assert word not in found, f"{word} twice"
            found[word] = values = []
        else:
            values.append(word)
    parameters = {
        members[option]: _value(shape.members[members[option]], given)
        for option, given in found.items()
        if option in members
    }
    validate_parameters(parameters, shape)
    options = {option: " ".join(given) for option, given in found.items() if option in _GLOBAL}
    return Call(service, operation, parameters, options)


@cache
def _model(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)


def _in_full(words: list[str]) -> list[str]:
    """Write one rule in words as the permission that the CLI makes of it."""
    said = {key: words[words.index(key) + 1] for key in _SIMPLE if key in words}
    kept = [word for word in words if word not in said and word not in said.values()]
    first, _, last = said["--port"].partition("-")
    permission = {"IpProtocol": said["--protocol"], "FromPort": int(first),
                  "ToPort": int(last or first)}  # fmt: skip
    if "--cidr" in said:
        permission["IpRanges"] = [{"CidrIp": said["--cidr"]}]
    else:
        permission["UserIdGroupPairs"] = [{"GroupId": said["--source-group"]}]
    return [*kept, "--ip-permissions", json.dumps([permission])]


def _value(shape: Shape, words: list[str]) -> Any:
    if shape.type_name == "boolean":
        assert words == []
        return True
    assert words
    if shape.type_name != "list":
        (word,) = words
        return _read(shape, word)
    if words[0].startswith("["):
        (word,) = words
        return json.loads(word) if word.startswith(('["', '[{"')) else _read(shape, word)
    return [_read(shape.member, word) for word in words]  # type: ignore[attr-defined]


def _read(shape: Shape, text: str) -> Any:
    """Read the CLI's shorthand: Name=group-id,Values=sg-1, and [{CidrIp=10.0.0.0/8}] for a list."""
    if shape.type_name == "structure":
        pairs = (part.partition("=") for part in _parts(text.removeprefix("{").removesuffix("}")))
        return {name: _read(shape.members[name], value) for name, _, value in pairs}  # type: ignore[attr-defined]
    if shape.type_name == "list":
        parts = _parts(text[1:-1]) if text.startswith("[") else [text]
        return [_read(shape.member, part) for part in parts]  # type: ignore[attr-defined]
    return int(text) if shape.type_name == "integer" else text


def _parts(text: str) -> list[str]:
    """Split at the commas that are in no brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "[{") - (letter in "]}")
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return parts
