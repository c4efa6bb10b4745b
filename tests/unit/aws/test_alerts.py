"""Alerts fit into what SNS takes, whatever a finding's words are."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from cachegate.aws.alerts import CUT, LARGEST_MESSAGE, SnsAlerts, message, subject_line
from tests.unit.aws.fake_client import Call, client_error, failing, fake_client

TOPIC = "arn:aws:sns:eu-central-1:123456789012:alerts"
ANYTHING = st.text(st.characters(codec=None, exclude_categories=()), max_size=300)


def test_a_message_goes_to_the_topic() -> None:
    calls: list[Call] = []
    sns = fake_client("sns", {"Publish": lambda **_: {"MessageId": "m"}}, calls)

    assert SnsAlerts(sns, TOPIC).send("revoked a rule", "sgr-1 of sg-1\nis gone") is None

    assert calls == [
        (
            "Publish",
            {"TopicArn": TOPIC, "Subject": "revoked a rule", "Message": "sgr-1 of sg-1\nis gone"},
        )
    ]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (client_error("NotFound", 404, "Publish"), "Publish: NotFound: as told by the test"),
        (client_error("Throttled", 429, "Publish"), "Publish: Throttled: as told by the test"),
        (EndpointConnectionError(endpoint_url="https://sns"), "https://sns"),
    ],
)
def test_a_message_that_is_not_taken_fails_nothing_and_says_why(
    error: Exception, words: str
) -> None:
    alerts = SnsAlerts(fake_client("sns", {"Publish": failing(error)}), TOPIC)

    assert words in (alerts.send("revoked a rule", "sgr-1") or "")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("two\r\nlines\tand a tab", "two lines and a tab"),
        ("caf\u00e9 \u2014 gr\u00fcn", "cafe ? grun"),
        ("a\x00b\x1bc", "a b c"),
        ("line\u2028separator", "line separator"),
        ("", "cachegate"),
        (" \n ", "cachegate"),
        ("x" * 99, "x" * 99),
        ("x" * 100, "x" * 96 + "..."),
    ],
)
def test_a_subject_is_one_line_of_printable_ascii(text: str, line: str) -> None:
    assert subject_line(text) == line


@given(ANYTHING)
def test_every_subject_is_one_that_sns_takes(text: str) -> None:
    line = subject_line(text)

    assert 0 < len(line) < 100
    assert line.isascii()
    assert line.isprintable()


@pytest.mark.parametrize("letter", ["x", "\u00fc", "\u20ac", "\U0001f600"])
def test_a_message_too_large_is_cut_between_letters_and_says_so(letter: str) -> None:
    cut = message(letter * (LARGEST_MESSAGE + 1))

    assert LARGEST_MESSAGE - 4 < len(cut.encode()) <= LARGEST_MESSAGE
    assert cut.endswith(CUT)
    assert set(cut.removesuffix(CUT)) == {letter}


def test_a_message_that_fits_is_left_as_it_is() -> None:
    assert message("x" * LARGEST_MESSAGE) == "x" * LARGEST_MESSAGE


@given(ANYTHING)
def test_every_message_is_text_that_can_be_sent(text: str) -> None:
    sent: Any = message(text).encode()

    assert len(sent) <= LARGEST_MESSAGE
