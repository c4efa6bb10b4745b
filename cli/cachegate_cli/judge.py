"""`cachegate judge`: judge ingress rules offline, as the guard would on a shared group."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from cachegate.domain.judgement import CACHE_PORTS, IngressPolicy, Verdict
from cachegate.errors import ConfigurationError
from cachegate.planning.judge import judge as judge_rules
from cachegate_cli.ingress_file import read_rules
from cachegate_cli.json_part import JsonError

if TYPE_CHECKING:
    from cachegate.domain.judgement import Judgement

DEFAULT_PORTS = ",".join(map(str, sorted(CACHE_PORTS)))

File = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help="JSON of `aws ec2 describe-security-groups` or `describe-security-group-rules`, or "
        '{"IpPermissions": [...]}; - reads standard input.',
    ),
]
Ports = Annotated[
    str, typer.Option("--ports", help="The protected TCP ports.", metavar="PORT,PORT...")
]
Json = Annotated[bool, typer.Option("--json", help="What it prints anyway, as for all commands.")]


def judge(file: File, *, ports: Ports = DEFAULT_PORTS, _json: Json = False) -> None:
    """Judge security groups offline, as if caches shared them.

    Prints a JSON list, one entry a source.
    """
    policy = _policy(ports)
    content = _content(file)
    try:
        rules = read_rules(content)
    except JsonError as error:
        _refuse(f"{file!a}: {error}")
    judgements = judge_rules(rules, policy)
    _print(judgements)
    if any(judgement.verdict is Verdict.REVOKE for judgement in judgements):
        raise typer.Exit(1)


def _content(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        _refuse(f"{file!a}: {error.strerror}")
    except ValueError as error:  # a null character in the name
        _refuse(f"{file!a}: {error}")


def _policy(ports: str) -> IngressPolicy:
    numbers = [text.strip() for text in ports.split(",")]
    if not all(text.isascii() and text.isdigit() and len(text) <= 5 for text in numbers):
        _refuse(f"--ports {ports[:60]!a}: port numbers with commas between, such as 6379,11211")
    try:
        return IngressPolicy(protected=frozenset(map(int, numbers)))
    except ConfigurationError as error:
        _refuse(f"--ports {ports[:60]!a}: {error}")


def _refuse(why: str) -> NoReturn:
    sys.stderr.write(f"cachegate: {why}\n")
    raise typer.Exit(2)


def _print(judgements: list[Judgement]) -> None:
    """Write a JSON list with one entry on each line, so that grep and diff can use it too."""
    lines = ",\n".join(json.dumps(_entry(judgement)) for judgement in judgements)
    sys.stdout.write(f"[\n{lines}\n]\n" if lines else "[]\n")


def _entry(judgement: Judgement) -> dict[str, Any]:
    rule = judgement.rule
    bounded = not rule.traffic.all_ports
    return {
        "group": rule.group_id,
        "rule": rule.rule_id,
        "source": str(rule.source),
        "protocol": rule.traffic.protocol_name,
        "from_port": rule.traffic.first if bounded else None,
        "to_port": rule.traffic.last if bounded else None,
        "class": judgement.source_class.value,
        "reaches_protected": bool(judgement.reached),
        "verdict": judgement.verdict.value,
        "reason": judgement.reason,
    }
