"""The nftables rule set as text: one golden table, and the least change between two."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

from hypothesis import given
from hypothesis import strategies as st

from cachegate_agent import nftables_text as text
from cachegate_agent.backend import STAMPS
from cachegate_agent.rules import Forward, Rules, Target

A, B = (Target(IPv4Address(address), 6379) for address in ("10.0.1.10", "10.0.2.10"))


def rules(*forwards: tuple[int, tuple[Target, ...]], sources: tuple[str, ...] = ()) -> Rules:
    return Rules(
        owner="stack",
        generation=42,
        digest="d" * 64,
        targets_within=(IPv4Network("10.0.0.0/16"),),
        sources=tuple(map(IPv4Network, sources)),
        forwards=tuple(Forward(listen, "node", "", targets) for listen, targets in forwards),
    )


WHOLE = rules(
    (6380, ()), (6379, (A,)), (6381, (B, A)),
    sources=("198.51.100.27/32", "192.0.2.0/25", "192.0.2.128/25"),
)  # fmt: skip

GOLDEN = f"""\
define stamp = 0x1400
table ip cachegate {{
	set sources {{ type ipv4_addr; flags interval; \
elements = {{ 192.0.2.0/24, 198.51.100.27/32 }}; }}
	set listens {{ type inet_service; flags timeout; gc-interval 1d; \
elements = {{ 6379, 6380, 6381 }}; }}
	set live {{ type inet_service . ipv4_addr . inet_service; \
elements = {{ 6379 . 10.0.1.10 . 6379, 6381 . 10.0.1.10 . 6379, 6381 . 10.0.2.10 . 6379 }}; }}
	map forwards {{ type inet_service : ipv4_addr . inet_service; \
elements = {{ 6379 : 10.0.1.10 . 6379 }}; }}
	map readers {{ type inet_service : verdict; elements = {{ 6381 : goto readers-6381 }}; }}
	set answering {{ type inet_service; flags timeout; gc-interval 1d; \
elements = {{ 6379 }}; }}
	chain identity {{
		return comment "cachegate 6ee08e6eb3bc6f45 42 {"d" * 64}"
	}}
	chain readers-6381 {{
		meta l4proto tcp dnat ip to numgen inc mod 2 map \
{{ 0 : 10.0.1.10 . 6379, 1 : 10.0.2.10 . 6379 }}
	}}
	chain translate {{
		ip saddr != @sources redirect
		tcp flags & (fin | syn | rst | ack) != syn redirect
		ct mark set ct mark & 0xffffe1ff | $stamp
		dnat ip to tcp dport map @forwards
		tcp dport vmap @readers
		redirect
	}}
	chain prerouting {{
		type nat hook prerouting priority -101; policy accept;
		fib daddr type local tcp dport @listens goto translate
	}}
	chain strays {{
		tcp sport @answering drop
		tcp dport @listens drop
	}}
	chain input {{
		type filter hook input priority -10; policy accept;
		ct state invalid jump strays
		iifname != "lo" tcp dport @listens ct direction original reject with tcp reset
	}}
	chain guard {{
		meta l4proto tcp ip saddr @sources \
ct original proto-dst . ip daddr . tcp dport @live \
ct mark set ct mark & 0xffffe1ff | $stamp accept
		ct state new drop
		tcp flags & (fin | syn | rst | psh | ack) == ack drop
		meta l4proto tcp reject with tcp reset
	}}
	chain forward {{
		type filter hook forward priority -10; policy accept;
		ct mark & 0x1e00 == $stamp accept
		ct mark & 0x1000 == 0x1000 ct status dnat ct direction original goto guard
	}}
	chain postrouting {{
		type nat hook postrouting priority 99; policy accept;
		ct mark & 0x1000 == 0x1000 ct status dnat masquerade
	}}
	chain output {{
		type filter hook output priority -300; policy accept;
		meta mark 0xcac4e6a7 notrack
	}}
}}
"""


def test_the_whole_table_reads_as_it_should() -> None:
    assert text.whole(WHOLE, STAMPS[1]) == GOLDEN


def test_an_empty_rule_set_has_no_empty_element_list() -> None:
    assert "{ }" not in text.whole(rules(), STAMPS[0])


def test_a_changed_target_changes_its_elements_and_nothing_else() -> None:
    before = text.content_of(
        rules((6379, (A,)), (6380, (A,)), sources=("192.0.2.0/24",)), STAMPS[0]
    )
    after = rules((6379, (B,)), (6380, (A,)), sources=("192.0.2.0/24",))

    assert text.change(before, after, STAMPS[0]).splitlines() == [
        "delete element ip cachegate live { 6379 . 10.0.1.10 . 6379 }",
        "delete element ip cachegate forwards { 6379 : 10.0.1.10 . 6379 }",
        "add element ip cachegate live { 6379 . 10.0.2.10 . 6379 }",
        "add element ip cachegate forwards { 6379 : 10.0.2.10 . 6379 }",
        "add chain ip cachegate identity",
        "flush chain ip cachegate identity",
        f'add rule ip cachegate identity return comment "cachegate 6ee08e6eb3bc6f45 42 {"d" * 64}"',
    ]


def test_an_identity_fits_into_a_comment() -> None:
    largest = rules()._replace(generation=(1 << 53) - 1)

    assert len(str(largest.identity)) <= 128


contents = st.dictionaries(
    st.integers(1, 9), st.sets(st.sampled_from([A, B])).map(lambda some: tuple(sorted(some)))
)


@given(contents, contents)
def test_a_change_leads_from_any_content_to_any_other(
    old: dict[int, tuple[Target, ...]], new: dict[int, tuple[Target, ...]]
) -> None:
    before, after = text.content_of(rules(*old.items()), STAMPS[0]), rules(*new.items())
    held = {name: set(elements) for name, elements in before.elements().items()}

    for line in text.change(before, after, STAMPS[0]).splitlines():
        verb, what, *_, name = line.partition(" {")[0].split()
        if what == "element":
            elements = set(line.partition("{ ")[2].rstrip(" }").split(", "))
            assert elements <= held[name] if verb == "delete" else not elements & held[name]
            held[name] = held[name] - elements if verb == "delete" else held[name] | elements

    assert held == {
        name: set(elements)
        for name, elements in text.content_of(after, STAMPS[0]).elements().items()
    }
