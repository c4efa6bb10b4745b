"""What a payload may say, and which field is named where it says something else."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachegate_agent import payload
from cachegate_agent.errors import Refused
from cachegate_agent.rules import Target

FORWARDS: list[dict[str, Any]] = [
    {"listen": 6379, "kind": "node", "key": "a/a-001/0001", "targets": [["10.0.1.230", 6379]]},
    {
        "listen": 6381,
        "kind": "readers",
        "key": "a/readers",
        "targets": [["10.0.1.231", 6379], ["10.0.1.232", 6379]],
    },
    {"listen": 6382, "kind": "node", "key": "old/old-001/0001", "targets": []},
]


def document(**fields: Any) -> dict[str, Any]:
    """A correct payload, except for the fields that are given."""
    made: dict[str, Any] = {
        "schema": 1,
        "owner": "stack",
        "generation": 42,
        "targets_within": ["10.0.0.0/16"],
        "sources": ["198.51.100.27/32"],
        "forwards": FORWARDS,
    } | fields
    return {"digest": payload.digest_of(made)} | made


def forward(**fields: Any) -> dict[str, Any]:
    """A payload whose second forward is spoilt."""
    return document(forwards=[FORWARDS[0], FORWARDS[1] | fields])


def pack(plain: bytes) -> str:
    return base64.b64encode(gzip.compress(plain, mtime=0)).decode()


def test_a_correct_payload_becomes_the_rule_set_that_it_describes() -> None:
    rules = payload.rules_of(payload.decode(pack(json.dumps(document()).encode())))

    assert (rules.owner, rules.generation) == ("stack", 42)
    assert rules.sources == (IPv4Network("198.51.100.27/32"),)
    assert rules.targets == {
        6379: (Target(IPv4Address("10.0.1.230"), 6379),),
        6381: (
            Target(IPv4Address("10.0.1.231"), 6379),
            Target(IPv4Address("10.0.1.232"), 6379),
        ),
        6382: (),
    }


def test_the_digest_is_the_one_of_the_contract() -> None:
    text = '{"forwards":[{"key":"\\u00e9","listen":1}],"sources":["198.51.100.27/32"]}'
    content = {"sources": ["198.51.100.27/32"], "forwards": [{"listen": 1, "key": "é"}]}

    assert payload.digest_of(content) == hashlib.sha256(text.encode()).hexdigest()


SPOILT: list[tuple[str, dict[str, Any]]] = [
    ("schema", document(schema=2)),
    ("schema", document(schema=True)),
    ("extra", document(extra=1)),
    ("owner", document(owner="")),
    ("owner", document(owner=7)),
    ("owner", document(owner="\ud800")),
    ("adopt", document(adopt=None)),
    ("generation", document(generation=0)),
    ("generation", document(generation=True)),
    ("generation", document(generation="42")),
    ("generation", document(generation=1 << 53)),
    ("digest", document(digest="0" * 64)),
    ("digest", document(digest="x")),
    ("digest", document(digest=None)),
    ("sources", document(sources="0.0.0.0/0")),
    ("sources[0]", document(sources=["198.51.100.27"])),
    ("sources[0]", document(sources=["198.51.100.27/24"])),
    ("sources[0]", document(sources=["198.51.100.0/255.255.255.0"])),
    ("sources[0]", document(sources=["::/0"])),
    ("sources[1]", document(sources=["10.0.0.0/8", 10])),
    ("targets_within[0]", document(targets_within=["10.0.0.0/33"])),
    ("forwards", document(forwards={})),
    ("forwards[1]", document(forwards=[FORWARDS[0], "fwd"])),
    ("forwards[1].listen", document(forwards=[FORWARDS[0], FORWARDS[0]])),
    ("forwards[1].listen", forward(listen=22)),
    ("forwards[1].listen", forward(listen=0)),
    ("forwards[1].listen", forward(listen=65536)),
    ("forwards[1].listen", forward(listen="6381")),
    ("forwards[1].kind", forward(kind="shard")),
    ("forwards[1].kind", forward(kind=["node"])),
    ("forwards[1].key", forward(key=None)),
    ("forwards[1].more", forward(more=1)),
    ("forwards[1].targets", forward(targets=None)),
    ("forwards[1].targets", forward(kind="node")),
    ("forwards[1].targets[0]", forward(targets=["10.0.1.1"])),
    ("forwards[1].targets[0]", forward(targets=[["node.cache.amazonaws.com", 6379]])),
    ("forwards[1].targets[0]", forward(targets=[["10.0.1.01", 6379]])),
    ("forwards[1].targets[0]", forward(targets=[[167772161, 6379]])),
    ("forwards[1].targets[0][1]", forward(targets=[["10.0.1.1", 0]])),
    ("forwards[1].targets[1]", forward(targets=[["10.0.1.1", 1], ["10.0.1.1", 1]])),
]


@pytest.mark.parametrize(("field", "spoilt"), SPOILT)
def test_a_wrong_value_is_refused_by_the_name_of_its_field(
    field: str, spoilt: dict[str, Any]
) -> None:
    with pytest.raises(Refused) as caught:
        payload.rules_of(spoilt)

    assert caught.value.code == "malformed"
    assert caught.value.message.startswith(f"{field}: ")


@pytest.mark.parametrize("field", ["schema", "owner", "digest", "forwards", "targets_within"])
def test_a_missing_field_is_refused_by_its_name(field: str) -> None:
    without = {key: value for key, value in document().items() if key != field}

    with pytest.raises(Refused, match=f"^{field}: missing"):
        payload.rules_of(without)


@pytest.mark.parametrize(
    ("address", "within"),
    [
        ("10.1.0.1", "10.0.0.0/16"),
        ("8.8.8.8", "10.0.0.0/16"),
        ("127.0.0.1", "0.0.0.0/0"),
        ("169.254.169.254", "0.0.0.0/0"),
        ("0.0.0.0", "0.0.0.0/0"),
        ("224.0.0.1", "0.0.0.0/0"),
        ("255.255.255.255", "0.0.0.0/0"),
    ],
)
def test_a_target_that_can_be_no_cache_node_is_not_allowed(address: str, within: str) -> None:
    spoilt = document(
        forwards=[FORWARDS[0], FORWARDS[1] | {"targets": [[address, 6379]]}],
        targets_within=[within],
    )

    with pytest.raises(Refused, match=r"^forwards\[1\]\.targets\[0\]: ") as caught:
        payload.rules_of(spoilt)

    assert caught.value.code == "target_not_allowed"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "not gzip|cut off"),
        ("é", "not base64"),
        ("a b=", "not base64"),
        ("AAAA", "not gzip"),
        (pack(b"{}")[:-8], "cut off|not gzip|not base64"),
        (base64.b64encode(gzip.compress(b"{}", mtime=0) + b"more").decode(), "followed"),
        (pack(b" " * (payload.LIMIT + 1)), "more than"),
        (pack(b"\xff"), "not JSON"),
        (pack(b"[]"), "not a JSON object"),
        (pack(b"[" * 100_000), "not JSON"),
        (pack(b'{"a": 1, "a": 2}'), "twice"),
        (pack(b'{"a": NaN}'), "not an integer"),
        (pack(b'{"a": 1.0}'), "not an integer"),
        (pack(b'{"a": ' + b"9" * 5000 + b"}"), "too large"),
    ],
)
def test_what_is_no_json_object_in_gzip_in_base64_is_malformed(text: str, problem: str) -> None:
    with pytest.raises(Refused, match=problem) as caught:
        payload.decode(text)

    assert caught.value.code == "malformed"


@given(st.text() | st.binary().map(lambda data: base64.b64encode(data).decode()))
def test_no_text_raises_anything_but_a_refusal(text: str) -> None:
    with pytest.raises(Refused):
        payload.rules_of(payload.decode(text))


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.sampled_from(sorted(document())), anything)
def test_any_value_in_any_field_is_refused_or_makes_a_sound_rule_set(
    field: str, value: Any
) -> None:
    try:
        rules = payload.rules_of(document() | {field: value})
    except Refused:
        return

    assert len({f.listen for f in rules.forwards}) == len(rules.forwards)
    assert rules.digest == payload.digest_of(document())
