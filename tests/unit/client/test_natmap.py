"""Natmaps: what they answer, and what is none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from cachegate.client import Natmap
from cachegate.client.errors import NatmapError

if TYPE_CHECKING:
    from pathlib import Path

MAPPING = {
    "clustercfg.example:6379": ["203.0.113.10", 6380],
    "10.0.1.1:6379": ["203.0.113.10", 6380],
    "10.0.1.2:6379": ["203.0.113.10", 6381],
}


def test_an_inner_place_is_answered_with_its_outer_one() -> None:
    natmap = Natmap(MAPPING)

    assert natmap(("10.0.1.2", 6379)) == ("203.0.113.10", 6381)
    assert natmap.resolve("10.0.1.1", 6379) == ("203.0.113.10", 6380)


@pytest.mark.parametrize("place", [("10.0.1.3", 6379), ("10.0.1.1", 6380), ("203.0.113.10", 6380)])
def test_a_place_that_is_not_known_comes_back(place: tuple[str, int]) -> None:
    assert Natmap(MAPPING)(place) == place


def test_seeds_are_the_outer_places_each_once_in_the_order_of_the_map() -> None:
    assert Natmap(MAPPING).seeds == (("203.0.113.10", 6380), ("203.0.113.10", 6381))


def test_a_map_does_not_follow_what_it_was_made_of() -> None:
    mapping = dict(MAPPING)
    natmap = Natmap(mapping)

    mapping.clear()

    assert natmap(("10.0.1.2", 6379)) == ("203.0.113.10", 6381)


def test_a_file_holds_what_a_dict_does(tmp_path: Path) -> None:
    path = tmp_path / "natmap.json"
    path.write_text(json.dumps(MAPPING))

    assert Natmap.load(path).seeds == Natmap.load(str(path)).seeds == Natmap(MAPPING).seeds


@pytest.mark.parametrize(
    ("mapping", "says"),
    [
        ([], "a natmap is an object of places, not a list"),
        (None, "a natmap is an object of places, not null"),
        ("x", "a natmap is an object of places, not a str"),
        ({"10.0.1.1": ["h", 1]}, "natmap: '10.0.1.1' is no inner place: write host:port"),
        ({"h:0": ["h", 1]}, "natmap: 'h:0' is no inner place"),
        ({"h:65536": ["h", 1]}, "natmap: 'h:65536' is no inner place"),
        ({"h:": ["h", 1]}, "natmap: 'h:' is no inner place"),
        ({"h:-1": ["h", 1]}, "natmap: 'h:-1' is no inner place"),
        ({"h:٣": ["h", 1]}, "is no inner place"),
        ({":6379": ["h", 1]}, "natmap: ':6379' is no inner place"),
        ({6379: ["h", 1]}, "natmap: 6379 is no inner place"),
        ({"h" * 200: ["h", 1]}, "hhh... is no inner place"),
        ({"h:1": "h:2"}, "natmap: h:1 leads to 'h:2': write [\"host\", port]"),
        ({"h:1": ["h"]}, "natmap: h:1 leads to ['h']"),
        ({"h:1": ["h", 1, 1]}, "natmap: h:1 leads to ['h', 1, 1]"),
        ({"h:1": ["h", "2"]}, "natmap: h:1 leads to ['h', '2']"),
        ({"h:1": ["", 2]}, "natmap: h:1 leads to ['', 2]"),
        ({"h:1": ["h", True]}, "natmap: h:1 leads to ['h', True]"),
        ({"h:1": ["h", 0]}, "natmap: h:1 leads to ['h', 0]"),
        ({"h:1": ["h", 65536]}, "natmap: h:1 leads to ['h', 65536]"),
        ({"h:1": ["h", 2.0]}, "natmap: h:1 leads to ['h', 2.0]"),
        ({"h:1": None}, "natmap: h:1 leads to None"),
    ],
)
def test_what_is_no_natmap_is_refused_in_one_line(mapping: Any, says: str) -> None:
    with pytest.raises(NatmapError) as refused:
        Natmap(mapping)

    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is not JSON"),
        (b'{"h:1": ["h", 2]', "is not JSON"),
        (b"\xff\xfe\x00", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "a natmap is an object of places"),
        (b'{"h:1": ["h", 1e9]}', "h:1 leads to ['h', 1000000000.0]"),
    ],
)
def test_a_file_that_holds_no_natmap_is_named(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "natmap.json"
    path.write_bytes(content)

    with pytest.raises(NatmapError, match=r"natmap\.json") as refused:
        Natmap.load(path)

    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NatmapError, match=r"none\.json cannot be read: No such file"):
        Natmap.load(tmp_path / "none.json")
