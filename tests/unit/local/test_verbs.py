"""What may happen is listed, and refused with how it is said where it is said wrong."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from local.door import RefusedError
from local.verbs import VERBS, Happenings, usage


@pytest.fixture
def happen() -> Happenings:
    """Return what lets things happen in a world with one cache of one node, and no second NAT."""
    node = SimpleNamespace(cluster_id="cart", node_id="0001")
    cart = SimpleNamespace(nodes=[node], options=SimpleNamespace(engine="valkey"))
    sessions = SimpleNamespace(shards={"0001": ["sessions-001"]})
    fleet = SimpleNamespace(clusters={"cart": cart}, groups={"sessions": sessions})
    world: Any = SimpleNamespace(
        aws=SimpleNamespace(fleet=fleet), stack=None, nats=[], launch_missing=list
    )
    return Happenings(world)


@pytest.mark.parametrize(
    ("verb", "of", "why"),
    [
        ("replace", "", "usage: world replace NODE, where NODE is one of cart/0001"),
        ("kill", "", "usage: world kill NODE, where NODE is one of cart/0001"),
        ("failover", "", "usage: world failover GROUP, where GROUP is one of sessions"),
        ("add", "", "usage: world add CACHE, where CACHE is one of sessions"),
        ("replace", "cart/0002", "'cart/0002' is no node; there are cart/0001"),
        ("end-nat", "i-1", "usage: world end-nat, and nothing after it"),
        ("end-nat", "", "which one could take over: world launch-nat"),
        ("launch-nat", "", "each Auto Scaling group has its NAT instance"),
        ("dance", "", "there is no verb 'dance'; world alone lists them"),
    ],
)
def test_what_cannot_happen_is_refused_with_what_to_say(
    happen: Happenings, verb: str, of: str, why: str
) -> None:
    with pytest.raises(RefusedError) as refused:
        happen(verb, of)

    assert str(refused.value).endswith(why)


def test_the_list_has_every_verb_in_80_columns_with_a_gap_after_it(happen: Happenings) -> None:
    lines = happen("help", "").splitlines()

    assert len(lines) == len(VERBS)
    for line, (name, verb) in zip(lines, VERBS.items(), strict=True):
        assert len(line) <= 80
        command, _, about = line.partition("  ")
        assert command == f"world {name} {verb.of}".rstrip()
        assert about.strip() == verb.about
    assert usage() == "\n".join(lines)
