"""The command `connect`: what it asks, prints, and ends with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from cachegate_cli.connect.formats import FORMATS
from cachegate_cli.functions import SYNC, InvokeError
from tests.unit.cli import asked as cli
from tests.unit.cli.connect.samples import ANSWERS, DOMAIN, PUBLIC, answer, forward

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result


def run(*words: str, told: dict[str, Any] = ANSWERS["group"]) -> Result:
    """Run `cachegate connect WORDS` on a stack that answers with a replication group."""
    return cli.run(cli.answering(told), "connect", *words)


def test_a_terminal_is_fitted_and_a_file_is_not(tmp_path: Path) -> None:
    out = tmp_path / "table"

    narrow = cli.run(cli.answering(ANSWERS["group"]), "connect", "sessions", COLUMNS="80").stdout
    cli.run(cli.answering(ANSWERS["group"]), "connect", "sessions", "-o", str(out), COLUMNS="80")

    assert max(map(len, narrow.splitlines())) <= 80
    assert "INSIDE THE VPC" in out.read_text()


def test_it_asks_once_and_prints_the_table() -> None:
    asked = cli.answering(ANSWERS["group"])

    ended = cli.run(asked, "connect", "sessions", "--stack", "other")

    assert ended.exit_code == 0
    assert ended.stdout.startswith("sessions: valkey")
    assert asked.events == [({"action": "describe"}, SYNC)]
    assert asked.stacks == [("other", None, None, False)]


def test_json_is_this_cache_alone_as_the_format_json_is() -> None:
    ended = run("sessions", "--json")

    assert json.loads(ended.stdout)["cache"] == "sessions"
    assert ended.stdout == run("sessions", "--format", "json").stdout


def test_json_of_an_unknown_cache_is_an_error_as_any() -> None:
    ended = run("nope", "--json")

    assert (ended.exit_code, ended.stdout) == (1, "")
    assert "knows no cache nope" in ended.stderr


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("6380", "that is a listen port of sessions"),
        ("sessions-002", "that is a node of sessions"),
        ("sessions-002/0001", "that is a node of sessions"),
        ("sesions", "did you mean sessions?"),
    ],
)
def test_a_word_that_is_no_cache_is_told_what_it_may_be(word: str, meant: str) -> None:
    ended = run(word)

    assert ended.exit_code == 1
    assert ended.stderr == f"cachegate: there is no cache {word}: {meant}\n"


def test_a_format_goes_into_a_file(tmp_path: Path) -> None:
    out = tmp_path / "client.py"

    ended = run("sessions", "-f", "redis-py", "--out", str(out), "--user", "app")

    assert (ended.exit_code, ended.stdout) == (0, "")
    assert 'os.environ.get("CACHE_USER", "app")' in out.read_text()


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    ended = run("sessions", "--out", str(tmp_path))

    assert ended.exit_code == 2
    assert ended.stderr == f"cachegate: {tmp_path}: Is a directory\n"


def test_what_programs_read_has_its_notes_beside_it() -> None:
    ended = run("sessions", "-f", "url")

    assert ended.stdout == f"redis://{PUBLIC}:6390\n"
    assert "cachegate: No TLS" in ended.stderr


@pytest.mark.parametrize("field", ["vpcs", "not_forwarded"])
def test_an_answer_of_an_older_stack_is_told_as_such(field: str) -> None:
    told = {"ok": True, "stack": "s", "vpcs": [], "not_forwarded": []}
    del told[field]

    ended = run("sessions", told=told)

    assert (ended.exit_code, ended.stdout) == (2, "")
    assert f"the answer has no '{field}', so the stack is older" in ended.stderr


def test_nft_warns_where_another_vpc_has_the_same_inner_addresses() -> None:
    theirs = forward(6380, "node", f"cart.{DOMAIN}:6379", "10.0.1.10:6379")
    other = answer([theirs | {"cache": "cart", "key": "cart/1", "public_addresses": ["192.0.2.1"]}])
    vpcs = [*ANSWERS["group"]["vpcs"], other["vpcs"][0] | {"vpc": "vpc-2", "caches": []}]

    ended = run("sessions", "-f", "nft", told=ANSWERS["group"] | {"vpcs": vpcs})

    assert ended.exit_code == 0
    assert ended.stderr == (
        "cachegate: 10.0.1.10:6379 is also cart/1 in vpc-2: never load the tables of sessions and "
        "cart on one machine\n"
    )
    assert run("sessions", "-f", "nft").stderr == ""


def test_an_unknown_format_is_one_line_with_the_known_ones_and_nothing_is_asked() -> None:
    asked = cli.Asked()

    ended = cli.run(asked, "connect", "sessions", "-f", "cobol")

    assert (ended.exit_code, asked.events) == (2, [])
    assert ended.stderr == f"cachegate: there is no format cobol; there are {', '.join(FORMATS)}\n"


def test_a_format_for_another_engine_is_one_line_with_those_that_serve() -> None:
    ended = run("sessions", "-f", "pymemcache")

    assert ended.exit_code == 2
    assert ended.stderr.startswith("cachegate: sessions is valkey: pymemcache is not for it, but ")
    assert "redis-py" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_an_unknown_cache_is_one_line_with_the_known_ones() -> None:
    ended = run("carts")

    assert ended.exit_code == 1
    assert "knows no cache carts; it forwards sessions" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_cache_that_is_withheld_is_refused_with_the_reason() -> None:
    forwards = [
        each | {"state": "withheld", "targets": []}
        for each in ANSWERS["standalone"]["vpcs"][0]["forwards"]
    ]
    told = answer(forwards) | {
        "not_forwarded": [
            {
                "cache": "sessions",
                "code": "plaintext_withheld",
                "message": "it speaks without TLS and AUTH",
                "forwarded": False,
            }
        ]
    }

    ended = run("sessions", told=told)

    assert ended.exit_code == 1
    assert ended.stderr == (
        "cachegate: nothing leads to sessions now: it speaks without TLS and AUTH\n"
    )


def test_a_cache_whose_facts_aws_did_not_tell_is_refused() -> None:
    forwards = ANSWERS["standalone"]["vpcs"][0]["forwards"]
    unknown = {"kind": None, "cluster_mode": None, "tls": None, "auth": None, "engine": "unknown"}

    ended = run("sessions", told=answer(forwards, **unknown))

    assert ended.exit_code == 1
    assert "ask again" in ended.stderr


def test_a_name_that_is_none_goes_nowhere() -> None:
    forwards = ANSWERS["standalone"]["vpcs"][0]["forwards"]
    told = answer([forwards[0] | {"endpoint": "a\n0.0.0.0 bank.example:6379"}])

    ended = run("sessions", "-f", "hosts", told=told)

    assert (ended.exit_code, ended.stdout) == (1, "")
    assert ended.stderr.count("\n") == 1


def test_another_nat_instance_is_chosen_by_its_address() -> None:
    ended = run("sessions", "--via", "192.0.2.1")

    assert ended.exit_code == 1
    assert f"192.0.2.1 is none of sessions's addresses: {PUBLIC}" in ended.stderr


def test_what_the_function_refuses_ends_with_1() -> None:
    told = {"ok": False, "error": {"code": "try_again", "message": "throttled"}}

    ended = run("sessions", told=told)

    assert (ended.exit_code, ended.stdout) == (1, "")
    assert ended.stderr == "cachegate: throttled (try_again)\n"


def test_a_function_that_cannot_be_asked_ends_with_2() -> None:
    ended = cli.run(cli.answering(InvokeError("no stack")), "connect", "sessions")

    assert (ended.exit_code, ended.stderr) == (2, "cachegate: no stack\n")


def test_the_list_needs_no_stack_and_no_cache() -> None:
    asked = cli.Asked()

    ended = cli.run(asked, "connect", "--list")

    assert (ended.exit_code, asked.events) == (0, [])
    assert [line.split()[0] for line in ended.stdout.splitlines()] == list(FORMATS)
