"""An exemption is an owner, a day and a reason at the rule itself; all else excuses nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachegate.domain.finding import EXEMPT
from cachegate.errors import InvocationError
from cachegate.planning.exemption import LONGEST, excuse, make_exemption, read_exemption
from tests.unit.planning.guarded import AT
from tests.unit.planning.ingress import rule

WORLD = rule("tcp 6379 0.0.0.0/0")


@pytest.mark.parametrize(
    ("text", "owner", "until", "reason"),
    [
        ("ann|2027-01-31|a partner's test", "ann", date(2027, 1, 31), "a partner's test"),
        (" ann | 2027-01-31 | moves ", "ann", date(2027, 1, 31), "moves"),
        ("ann|2027-01-31|either a|b", "ann", date(2027, 1, 31), "either a|b"),
        ("ann|2026-11-25|ends today", "ann", date(2026, 11, 25), "ends today"),
        ("ann|9999-12-31|for ever", "ann", date(9999, 12, 31), "for ever"),
        ("Åsa|2027-01-31|Ä", "Åsa", date(2027, 1, 31), "Ä"),
    ],
)
def test_a_tag_of_three_parts_excuses_until_its_day(
    text: str, owner: str, until: date, reason: str
) -> None:
    found = excuse(replace(WORLD, tags={EXEMPT: text}), AT)

    assert found.exemption is not None
    assert found.objection == ""
    assert found.exemption.owner == owner
    assert found.exemption.until == until
    assert found.exemption.reason == reason


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "form"),
        ("true", "form"),
        ("ann|2027-01-31", "form"),
        ("||", "owner and a reason"),
        ("|2027-01-31|no owner", "owner and a reason"),
        ("ann|2027-01-31| ", "owner and a reason"),
        ("ann||no day", "no date"),
        ("ann|never|no day", "no date"),
        ("ann|2027-02-29|no such day", "no date"),
        ("ann|20270131|another form", "no date"),
        ("ann|2027-W04-7|another form, as long", "no date"),
        ("ann|2027-1-31|too short", "no date"),
        ("ann|2027-01-31T00:00|an hour", "no date"),
        ("ann|31.01.2027|another order", "no date"),
        ("ann|２０２７-01-31|other digits", "no date"),  # noqa: RUF001
        ("ann|0000-01-01|no such year", "no date"),
        ("ann|2027-01-31|a line\nSeverity: none", "one line"),
        ("an\x1bn|2027-01-31|moves", "one line"),
        ("ann|2027-01-31|\ud800", "one line"),
        ("ann|2026-11-24|ended yesterday", "ended after 2026-11-24"),
        ("ann|0001-01-01|long over", "ended after 0001-01-01"),
    ],
)
def test_any_other_tag_excuses_nothing_and_says_why(text: str, why: str) -> None:
    found = excuse(replace(WORLD, tags={EXEMPT: text}), AT)

    assert found.exemption is None
    assert why in found.objection


def test_neither_a_description_nor_a_tag_of_another_name_excuses() -> None:
    words = "ann|2027-01-31|moves"
    dressed = replace(WORLD, description=f"{EXEMPT}={words}", tags={"exempt": words})

    assert excuse(dressed, AT) == (None, "")


@pytest.mark.parametrize(
    ("moment", "holds"),
    [
        (datetime(2027, 1, 31, 0, 0, 0, tzinfo=UTC).timestamp(), True),
        (datetime(2027, 1, 31, 23, 59, 59, tzinfo=UTC).timestamp(), True),
        (datetime(2027, 1, 31, 23, 59, 59, 999999, tzinfo=UTC).timestamp(), True),
        (datetime(2027, 2, 1, 0, 0, 0, tzinfo=UTC).timestamp() - 2.4e-7, True),
        (datetime(2027, 2, 1, 0, 0, 0, tzinfo=UTC).timestamp(), False),
    ],
)
def test_the_last_day_counts_to_its_last_second_in_utc(moment: float, holds: bool) -> None:  # noqa: FBT001
    assert make_exemption("ann", "2027-01-31", "moves").holds(moment) is holds


def test_what_is_too_long_for_a_tag_is_refused_before_aws_refuses_it() -> None:
    form = len("ann|2027-01-31|")

    assert len(str(make_exemption("ann", "2027-01-31", "x" * (LONGEST - form)))) == LONGEST
    with pytest.raises(InvocationError, match="256 characters"):
        make_exemption("ann", "2027-01-31", "x" * (LONGEST - form + 1))


def test_an_owner_that_would_be_read_as_two_parts_is_refused() -> None:
    with pytest.raises(InvocationError, match=r"no \| in it"):
        make_exemption("ann|2099-01-01", "2027-01-31", "moves")


words = st.text(max_size=60)


@given(words, st.dates().map(date.isoformat), words)
def test_what_is_made_is_read_back_the_same(owner: str, expiry: str, reason: str) -> None:
    try:
        made = make_exemption(owner, expiry, reason)
    except InvocationError:
        return

    assert read_exemption(str(made)) == made
    assert made.until.isoformat() == expiry


pieces = st.sampled_from(["|", "ann", "2027-01-31", "9999-12-31", "0001-01-01", " ", "\n"])


@given(st.one_of(st.text(), st.lists(st.one_of(pieces, st.text()), max_size=9).map("".join)))
def test_no_text_of_a_tag_breaks_a_pass(text: str) -> None:
    found = excuse(replace(WORLD, tags={EXEMPT: text}), AT)

    assert (found.exemption is None) is bool(found.objection)
    assert found.objection.isprintable()
