"""Text from outside cannot steer a terminal, whatever it is."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cachegate_cli.plain import plain

STEERING = {"Cc", "Cf", "Cs", "Zl", "Zp"}


@given(st.text(st.characters(codec=None)))
def test_no_character_that_steers_or_hides_is_left(value: str) -> None:
    shown = plain(value)
    assert not {unicodedata.category(each) for each in shown} & STEERING
    shown.encode()  # no half of a surrogate pair is left either


@given(st.text(st.characters(categories=["L", "N", "P", "S"])))
def test_other_text_is_as_it_was(value: str) -> None:
    assert plain(value) == value


@pytest.mark.parametrize(
    ("value", "shown"),
    [("a\nb\tc", "a b c"), ("\x1b[2J", "\\x1b[2J"), ("\u202eab", "\\u202eab"), (6379, "6379")],
)
def test_what_is_taken_out_is_seen(value: object, shown: str) -> None:
    assert plain(value) == shown
