"""Whatever is sent, the kernel keeps the last good rule set."""

from __future__ import annotations

import base64
import copy
import gzip
import json
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.gateway.lab import A, B, forward, packed, payload

if TYPE_CHECKING:
    from tests.integration.gateway.lab import Gateway

GOOD = payload(5, forward(6379, B), forward(6380, A, B, kind="readers"), forward(6381))
CODES = {"malformed", "stale_generation", "foreign_owner", "target_not_allowed"}

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)


@st.composite
def spoilt(draw: st.DrawFn) -> str:
    """A payload that was right until something in it was changed."""
    text = packed(GOOD)
    how = draw(st.sampled_from(["bytes", "cut", "json", "value", "field", "document"]))
    if how == "bytes":
        place = draw(st.integers(0, len(text) - 1))
        return (
            text[:place]
            + draw(st.characters(codec="ascii", exclude_characters=text[place] + "\0"))
            + text[place + 1 :]
        )
    if how == "cut":
        return text[: draw(st.integers(0, len(text) - 1))]
    if how == "json":
        return base64.b64encode(gzip.compress(draw(st.binary(max_size=40)))).decode()
    document: Any = copy.deepcopy(GOOD)
    if how == "document":
        document = draw(anything)
    elif how == "field":
        document[draw(st.text(min_size=1, max_size=9))] = draw(anything)
    else:
        document = payload(draw(st.integers(-3, 5)), **_spoil(draw, document))
    return packed(document)


def _spoil(draw: st.DrawFn, document: dict[str, Any]) -> dict[str, Any]:
    """Replace one value in the content, with a digest that fits."""
    part = draw(st.sampled_from(["owner", "sources", "targets_within", "forwards", "forward"]))
    if part != "forward":
        return {**_content(document), part: draw(anything)}
    content = _content(document)
    field = draw(st.sampled_from(["listen", "kind", "targets", "key", "more"]))
    bad = [
        0,
        22,
        65536,
        -1,
        True,
        "6379",
        None,
        1.5,
        "fwd",
        [["cache.example", 1]],
        [["8.8.8.8", 1]],
    ]
    content["forwards"][0][field] = draw(st.sampled_from(bad) | anything)
    return content


def _content(document: dict[str, Any]) -> dict[str, Any]:
    return {key: document[key] for key in ("owner", "sources", "targets_within", "forwards")}


def test_garbage_never_changes_the_kernel(gateway: Gateway) -> None:
    gateway.apply(payload(5, forward(6379, A)))
    before = gateway.nat.run("nft", "list", "ruleset").stdout

    @settings(
        max_examples=40, database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )  # fmt: skip
    @given(text=spoilt())
    def check(text: str) -> None:
        ended = gateway.agent_raw("apply", "--payload", text or "=")

        assert (ended.code, ended.error in CODES) == (2, True), ended.output
        assert ended.answer["error"]["message"]
        assert gateway.nat.run("nft", "list", "ruleset").stdout == before

    check()


def test_what_was_refused_before_any_apply_leaves_nothing(gateway: Gateway) -> None:
    ended = gateway.agent_raw("apply", "--payload", "rubbish")

    assert (ended.code, ended.error) == (2, "malformed")
    assert gateway.nat.run("nft", "list", "ruleset").stdout == ""
    assert list(gateway.folder.iterdir()) == []


def test_a_bomb_is_refused_before_it_is_unpacked(gateway: Gateway) -> None:
    bomb = base64.b64encode(gzip.compress(b" " * 50_000_000)).decode()

    ended = gateway.agent_raw("apply", "--payload", bomb)

    assert (ended.code, ended.error) == (2, "malformed")
    assert "1048576" in ended.answer["error"]["message"]
    assert ended.seconds < 1
    assert json.loads(ended.output.splitlines()[-1]) == ended.answer
