"""What each format that is data holds, for each kind of cache."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cachegate.client.connection import connection_of
from cachegate.client.errors import NotForwardedError
from cachegate_cli.connect.entrance import entrance_of
from cachegate_cli.connect.formats import FORMATS, serving
from cachegate_cli.connect.nft import table_name
from cachegate_cli.connect.table import table
from local import sandbox
from tests.unit.cli.connect.samples import (
    ANSWERS,
    CONFIGURATION,
    DOMAIN,
    PUBLIC,
    SAMPLES,
    answer,
    forward,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def _printed(form: str, sample: str, user: str | None = None) -> str:
    return FORMATS[form].render(SAMPLES[sample], user)


@pytest.mark.parametrize(
    ("sample", "starts", "readers"),
    [
        ("standalone", [6380], None),
        ("group", [6390], 6391),
        ("cluster", [6380, 6381, 6382, 6383], None),
        ("serverless", [6380], 6381),
        ("memcached", [6380, 6381, 6382], None),
    ],
)
def test_a_client_begins_at_what_stays_for_its_kind_of_cache(
    sample: str, starts: list[int], readers: int | None
) -> None:
    entrance = entrance_of(SAMPLES[sample])

    assert [start.listen for start in entrance.starts] == starts
    assert (entrance.readers.listen if entrance.readers else None) == readers


def test_a_primary_that_leads_nowhere_is_no_entrance() -> None:
    waiting = [each | {"state": "waiting"} for each in _forwards("group") if each["kind"] != "node"]
    nodes = [each for each in _forwards("group") if each["kind"] == "node"]

    with pytest.raises(NotForwardedError, match="the listen port of sessions's primary"):
        entrance_of(connection_of(answer(nodes + waiting), "sessions"))


def _forwards(sample: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ANSWERS[sample]["vpcs"][0]["forwards"]
    return found


def test_the_table_has_a_row_for_each_forward_and_what_it_is() -> None:
    lines = _printed("table", "group").splitlines()

    assert lines[0] == "sessions: valkey, no TLS, no AUTH; NAT instance 203.0.113.73"
    rows = [line.split() for line in lines[3:7]]
    assert rows[0] == [
        f"{PUBLIC}:6380",
        "node",
        "sessions-001/0001",
        "0001",
        "primary",
        f"sessions-001.{DOMAIN}:6379",
        "forwarding",
    ]
    assert [row[1] for row in rows] == ["node", "node", "primary", "readers"]


def test_json_has_everything_and_the_notes() -> None:
    told = json.loads(_printed("json", "cluster-tls"))

    assert told["natmap"]["10.0.1.10:6379"] == [f"sessions-001.{DOMAIN}", 6380]
    assert told["hosts"][f"sessions-001.{DOMAIN}"] == PUBLIC
    assert [each["listen"] for each in told["forwards"]] == [6380, 6381, 6382, 6383]
    assert told["notes"]


@pytest.mark.parametrize("sample", SAMPLES)
def test_env_is_read_by_a_shell_as_it_is_meant(sample: str) -> None:
    script = f'set -eu\n{_printed("env", sample, "o malley")}\nprintf %s "$CACHE_HOST"'

    ended = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)

    connection = SAMPLES[sample]
    host, port = connection.outer(entrance_of(connection).starts[0])
    assert ended.stdout == host
    assert f"\nCACHE_PORT={port}\n" in script
    assert "\nCACHE_USER='o malley'\n" in script


@pytest.mark.parametrize(
    ("sample", "urls"),
    [
        ("standalone", [f"redis://o%20m%40@{PUBLIC}:6380"]),
        ("group-tls", [f"rediss://o%20m%40@master.sessions.{DOMAIN}:6390"]),
        ("serverless", [f"rediss://o%20m%40@sessions.{DOMAIN}:6380"]),
        ("memcached", [f"memcached://{PUBLIC}:{port}" for port in (6380, 6381, 6382)]),
    ],
)
def test_urls_name_what_to_connect_to_and_no_password(sample: str, urls: list[str]) -> None:
    assert _printed("url", sample, "o m@").splitlines() == urls


def test_a_natmap_holds_names_and_addresses() -> None:
    natmap = json.loads(_printed("natmap", "cluster"))

    assert natmap[f"{CONFIGURATION}:6379"] == [PUBLIC, 6380]
    assert natmap[f"sessions-004.{DOMAIN}:6379"] == [PUBLIC, 6383]
    assert natmap["10.0.1.13:6379"] == [PUBLIC, 6383]


def test_hosts_are_lines_between_marks() -> None:
    first, *lines, last = _printed("hosts", "group-tls").splitlines()

    assert first.startswith("# cachegate sessions begins")
    assert last == "# cachegate sessions ends"
    assert f"{PUBLIC} master.sessions.{DOMAIN}" in lines
    assert all(line.split()[0] == PUBLIC for line in lines)


def test_nft_maps_each_inner_address_once_and_no_port_of_a_role() -> None:
    lines = [line.strip(" ,") for line in _printed("nft", "group").splitlines()]

    assert [line for line in lines if line.startswith("10.")] == [
        f"10.0.1.10 . 6379 : {PUBLIC} . 6380",
        f"10.0.1.11 . 6379 : {PUBLIC} . 6381",
    ]


def test_nft_has_lines_for_the_hosts_file_and_nothing_else_that_its_sed_would_print() -> None:
    text = _printed("nft", "cluster-tls")
    assert "sed -n 's/^#   //p'" in text

    ended = subprocess.run(
        ["sed", "-n", "s/^#   //p"], input=text, capture_output=True, text=True, check=True
    )

    assert f"10.0.1.10 sessions-001.{DOMAIN}" in ended.stdout.splitlines()
    assert all(len(line.split()) == 2 for line in ended.stdout.splitlines())


@pytest.fixture
def nft() -> Callable[..., str]:
    """Return what runs nft in this network namespace, or skip where that is the machine's own."""
    if not sandbox.inside() or shutil.which("nft") is None:
        pytest.skip("needs nft and a network namespace of its own: make test")

    def run(*words: str, text: str | None = None) -> str:
        ended = subprocess.run(
            ["nft", *words], input=text, capture_output=True, text=True, check=True
        )
        return ended.stdout

    return run


@pytest.mark.parametrize("sample", SAMPLES)
def test_nft_loads_it_and_takes_it_away_as_it_says(nft: Callable[..., str], sample: str) -> None:
    text = _printed("nft", sample)

    nft("-f", "-", text=text)

    assert "10.0.1.10 . " in nft("list", "ruleset") or sample == "serverless"
    nft(*text.partition("Take it away: nft ")[2].partition("\n")[0].split())
    assert nft("list", "ruleset") == ""


def test_nft_loaded_again_replaces_what_was(nft: Callable[..., str]) -> None:
    nft("-f", "-", text=_printed("nft", "cluster"))
    assert "10.0.1.13" in nft("list", "ruleset")

    nft("-f", "-", text=_printed("nft", "standalone"))

    listed = nft("list", "ruleset")
    nft("delete", "table", "ip", "cachegate_sessions")
    assert "10.0.1.13" not in listed
    assert listed.count("hook output") == 1
    assert listed.count("dnat ip to") == 2


def test_nft_is_no_empty_table_while_no_node_leads_anywhere() -> None:
    roles = [each for each in _forwards("group") if each["kind"] != "node"]
    nodes = [
        each | {"state": "waiting", "targets": []}
        for each in _forwards("group")
        if each["kind"] == "node"
    ]

    with pytest.raises(NotForwardedError, match="no node of sessions is forwarded"):
        FORMATS["nft"].render(connection_of(answer(nodes + roles), "sessions"), None)


def test_a_table_of_nft_has_a_name_that_nft_takes() -> None:
    assert table_name("my-cache-2") == "cachegate_my_cache_2"
    assert table_name('x{}; "\n') == "cachegate_x______"


@pytest.mark.parametrize("form", ["table", "json", "env"])
@pytest.mark.parametrize("sample", ["memcached", "memcached-tls"])
def test_memcached_is_told_where_clients_would_differ_and_what_keeps_them_together(
    form: str, sample: str
) -> None:
    text = _printed(form, sample)

    assert "about 67 % of the keys" in text
    assert "Auto discovery must be off" in text
    assert "--format pymemcache" in text
    assert "--format nft" in text


def test_one_node_of_memcached_needs_no_warning() -> None:
    sample = SAMPLES["memcached"]
    alone = replace(sample, forwards=sample.forwards[:1])

    assert "keys" not in FORMATS["table"].render(alone, None)


def test_plaintext_is_said() -> None:
    assert "unencrypted" in _printed("table", "cluster")
    assert "unencrypted" not in _printed("table", "cluster-tls")


def test_formats_serve_the_engines_that_they_are_for() -> None:
    assert "pymemcache" in serving("memcached")
    assert "redis-py" not in serving("memcached")
    assert "pymemcache" not in serving("valkey")
    assert {"table", "json", "env", "url", "natmap", "hosts", "nft"} <= set(serving("memcached"))


def test_the_page_names_every_format() -> None:
    page = (Path(__file__).parents[4] / "docs" / "connect.md").read_text()

    assert [name for name in FORMATS if f"`{name}`" not in page] == []


def test_a_forward_that_leads_nowhere_is_in_the_table_alone() -> None:
    resting = forward(6399, "node", f"old.{DOMAIN}:6379", state="at_rest", targets=[])
    connection = connection_of(
        answer([*_forwards("cluster"), resting], cluster_mode=True), "sessions"
    )

    assert f"{PUBLIC}:6399" in FORMATS["table"].render(connection, None)
    for form in ("natmap", "hosts", "nft", "env", "url"):
        assert f"old.{DOMAIN}" not in FORMATS[form].render(connection, None)


@pytest.mark.parametrize("width", [80, 100, 120, 200])
@pytest.mark.parametrize("sample", SAMPLES)
def test_a_terminal_breaks_no_word_and_no_command_of_the_table(sample: str, width: int) -> None:
    whole = table(SAMPLES[sample], None)

    narrow = table(SAMPLES[sample], None, width)

    places = [
        f"{host}:{port}" for host, port in map(SAMPLES[sample].outer, SAMPLES[sample].forwards)
    ]
    words = {*whole.split(), *(f"{word}," for word in whole.split())}
    assert {*narrow.split()} <= words
    assert all(place in narrow for place in places)
    for command in re.findall(r"(?:cachegate connect \S+ )?--format [a-z-]+", whole):
        assert command in narrow
    assert all(
        len(line) <= width or line in places or " " not in line.strip()
        for line in narrow.splitlines()
    )


def test_a_wider_terminal_has_more_columns() -> None:
    heads = [table(SAMPLES["group"], None, width).splitlines()[2] for width in (80, 120, 140)]

    assert ["INSIDE" in head for head in heads] == [False, True, True]
    assert ["SHARD" in head for head in heads] == [False, False, True]


def test_where_kinds_have_no_column_what_is_no_node_goes_by_its_kind() -> None:
    widths = (table(SAMPLES["group-tls"], None, width).splitlines()[2:] for width in range(60, 120))
    lines = next(each for each in widths if each[0].startswith("CONNECT") and "KIND" not in each[0])

    assert [line.split()[1] for line in lines[3:5]] == ["primary", "readers"]
