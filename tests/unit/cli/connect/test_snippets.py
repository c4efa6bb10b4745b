"""Each snippet is a whole program in its language, for each kind of cache, whatever names say."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from cachegate_cli.connect.formats import DEMONSTRATION, FORMATS
from cachegate_cli.connect.literals import FILTERS, Code
from cachegate_cli.connect.snippet import _environment
from tests.unit.cli.connect.samples import DOMAIN, PUBLIC, SAMPLES

if TYPE_CHECKING:
    from pathlib import Path

    from cachegate.client.connection import Connection
    from cachegate_cli.connect.formats import Format

HOSTILE = "a\"b'c\\d`e$(f)${g}#h//i*/j\nk\r\u2028\u00e9\U0001f600?>l\\u000am\\"
SNIPPETS = [each for each in FORMATS.values() if each.is_snippet]
CASES = [
    pytest.param(each, connection, id=f"{each.name}-{name}")
    for each in SNIPPETS
    for name, connection in SAMPLES.items()
    if connection.engine in each.engines
]
PARSERS = {".mjs": ["node", "--check"], ".sh": ["sh", "-n"], ".php": ["php", "-l"]}
# Their compilers are on no machine that runs the tests: docs/connect.md says how they were checked.
BRACKETED = {".go", ".java", ".cs", ".rs"}
MARK = re.compile(r'"(?:[^"\\\n]|\\.)*"|//[^\n]*|[][(){}"]')
CLOSING = {")": "(", "]": "[", "}": "{"}


def _parses(each: Format, text: str, folder: Path) -> None:
    assert each.file is not None
    path = folder / each.file
    path.write_text(text)
    if path.suffix == ".py":
        compile(text, str(path), "exec")
        return
    if path.suffix in BRACKETED:
        assert _closed(text)
        return
    command = PARSERS[path.suffix]
    if shutil.which(command[0]) is None:
        pytest.skip(f"no parser for {path.suffix} here")
    ended = subprocess.run([*command, str(path)], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr + ended.stdout


def _closed(text: str) -> bool:
    """Tell whether strings end in their line, and every bracket beside them finds its other one."""
    open_: list[str] = []
    for mark in MARK.findall(text):
        if mark in CLOSING.values():
            open_.append(mark)
        elif mark == '"' or (mark in CLOSING and (not open_ or open_.pop() != CLOSING[mark])):
            return False
    return not open_


def test_what_ends_a_string_or_lacks_a_bracket_is_noticed() -> None:
    assert _closed('f("a\\"(", [1]) { } // (')
    assert not [text for text in ('f("a)', "f([)]", "f(", ")", 'f("a"b")') if _closed(text)]


@pytest.mark.parametrize(("each", "connection"), CASES)
def test_a_snippet_is_a_program_with_a_client_and_a_demonstration(
    each: Format, connection: Connection, tmp_path: Path
) -> None:
    text = each.render(connection, None)

    before, found, after = text.partition(DEMONSTRATION)
    assert found
    assert "client" in before or "async def connect():" in before
    assert "cachegate:hello" in after
    assert "cachegate:hello" not in before
    assert "\n\n\n\n" not in text
    assert not [line for line in text.splitlines() if line != line.rstrip()]
    _parses(each, text, tmp_path)


@pytest.mark.parametrize(("each", "connection"), CASES)
def test_a_password_and_a_user_come_from_the_environment_where_the_cache_wants_auth(
    each: Format, connection: Connection
) -> None:
    text = each.render(connection, None)

    assert ("CACHE_PASSWORD" in text) == connection.auth
    assert ("CACHE_USER" in text) == connection.auth
    assert ("CACHE_CA_FILE" in text) == connection.tls


@pytest.mark.parametrize(("each", "connection"), CASES)
def test_a_snippet_begins_where_something_leads(each: Format, connection: Connection) -> None:
    """Cluster mode and Memcached: nodes; a replication group: the port that follows the primary."""
    text = each.render(connection, None)

    if connection.kind == "replication-group" and not connection.cluster_mode:
        assert "6390" in text
        assert "6380" not in text
        assert "6391" in text
    elif each.name in NEEDS_NFT and connection.clustered:
        assert "--format nft" in text
        code = [line for line in text.splitlines() if not line.startswith(("#", "//"))]
        assert not [line for line in code if PUBLIC in line]
    else:
        assert "6380" in text


@pytest.mark.parametrize(("status", "told"), [(124, True), (1, False), (0, False)])
def test_redis_cli_in_a_cluster_says_what_to_look_at_where_nobody_answers(
    tmp_path: Path,
    status: int,
    told: bool,  # noqa: FBT001
) -> None:
    program = FORMATS["redis-cli"].render(SAMPLES["cluster-tls"], None)
    assert "--format hosts" in program  # which send a cluster's clients elsewhere
    timeout = tmp_path / "timeout"
    timeout.write_text(f"#!/bin/sh\nexit {status}\n")
    timeout.chmod(0o755)
    path = f"{tmp_path}:/usr/bin:/bin"

    ended = subprocess.run(
        ["sh"], input=program, env={"PATH": path, "CACHE_PASSWORD": "x"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert ended.returncode == status
    assert ("no answer in 10 s" in ended.stderr) == told


NEEDS_NFT = {"redis-cli", "phpredis"}


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("jedis", r"\.nodes\(Set\.of\([^\n]*\s+new HostAndPort"),
        ("lettuce", r"List\.of\(\s+place"),
        ("redis-rs", r"let starts = vec!\[[^\n]*\s+place"),
    ],
)
def test_a_client_that_maps_where_it_starts_is_given_the_inner_place(name: str, start: str) -> None:
    """A serverless cache's outer place may be an inner one, too: of its second port, that is."""
    natmap = SAMPLES["serverless"].natmap
    (host, port) = natmap[f"sessions.{DOMAIN}:6379"]
    assert f"{host}:{port}" in natmap

    text = FORMATS[name].render(SAMPLES["serverless"], None)

    assert re.findall(rf'{start}\("([^"]+)", ([0-9]+)\)', text) == [(host, "6379")]


@pytest.mark.parametrize("each", SNIPPETS, ids=lambda each: each.name)
def test_hostile_names_stay_text(each: Format, tmp_path: Path) -> None:
    text = each.render(_named(each, HOSTILE), HOSTILE)

    if each.file != "client.sh":  # whose words in quotes may hold line ends as they are
        friendly = each.render(_named(each, "friendly"), "friendly")
        assert text.isascii()
        assert len(text.split("\n")) == len(friendly.split("\n"))
        assert len(text.splitlines()) == len(friendly.splitlines())
    _parses(each, text, tmp_path)


def _named(each: Format, name: str) -> Connection:
    """Return a cache of which everything that has a name has this one."""
    sample = SAMPLES["memcached" if "memcached" in each.engines else "cluster"]
    first = replace(sample.forwards[0], endpoint=(name, 6379), targets=((name, 6379),))
    return replace(
        sample,
        cache=name,
        public=name,
        auth=True,
        endpoint=(name, 1),
        forwards=(first, *sample.forwards[1:]),
    )


def test_a_template_that_forgets_to_encode_a_value_fails() -> None:
    with pytest.raises(TypeError, match="write it with a filter"):
        _environment().from_string("client = {{ cache }}").render(cache="sessions")


def test_literals_read_back_as_what_they_were() -> None:
    literal = FILTERS["py"](HOSTILE)
    assert eval(literal) == HOSTILE  # noqa: S307 - our own literal is what is tested
    word = subprocess.run(
        ["sh", "-c", f"printf %s {FILTERS['sh'](HOSTILE)}"], capture_output=True, check=True
    )
    assert word.stdout.decode() == HOSTILE


@pytest.mark.parametrize(
    ("language", "escape"),
    [
        ("rust", r"\\u\{[0-9a-f]+\}"),
        ("go", r"\\U[0-9a-f]{8}"),
        ("java", r"\\(u[0-9a-f]{4}|[nr\\\"])"),
    ],
)
def test_a_literal_is_plain_text_and_escapes_of_its_language(language: str, escape: str) -> None:
    literal = FILTERS[language](HOSTILE)

    assert re.fullmatch(rf'"([ !#-\[\]-~]|{escape})*"', literal)


@pytest.mark.skipif(shutil.which("node") is None, reason="no node here")
def test_a_literal_of_javascript_reads_back() -> None:
    program = f"process.stdout.write({FILTERS['js'](HOSTILE)})"
    ended = subprocess.run(["node", "-e", program], capture_output=True, check=True)
    assert ended.stdout.decode() == HOSTILE


@pytest.mark.skipif(shutil.which("php") is None, reason="no php here")
def test_a_literal_of_php_reads_back() -> None:
    program = f"echo {FILTERS['php'](HOSTILE)};"
    ended = subprocess.run(["php", "-r", program], capture_output=True, check=True)
    assert ended.stdout.decode() == HOSTILE


def test_a_comment_keeps_nothing_that_could_end_it() -> None:
    said = FILTERS["say"](HOSTILE)
    assert isinstance(said, Code)
    assert not set(said) & set('\n\r\\*#"$`<>?\u2028') - {"?"}
