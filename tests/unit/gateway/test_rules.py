from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cachegate_agent.rules import address_of


@given(st.ip_addresses(v=4))
def test_an_address_is_read_as_it_is_written(address: IPv4Address) -> None:
    assert address_of(str(address)) == address


@given(st.text(alphabet="0123456789. x/٣\0\ud800") | st.text())
@example("1.2.3.04")
@example("1.2.3")
@example("1.2.3.4\n")
@example("1.2.3.4\0")
@example("\ud800")
@example("٣.2.3.4")
def test_what_names_no_address_is_refused_as_by_the_standard_library(text: str) -> None:
    try:
        expected = IPv4Address(text)
    except ValueError:
        with pytest.raises(ValueError):  # noqa: PT011 - whatever it says
            address_of(text)
    else:
        assert address_of(text) == expected
