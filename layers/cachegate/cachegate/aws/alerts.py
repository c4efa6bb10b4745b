"""Alerts to people, by the topic that they subscribe to."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from cachegate.aws.failures import CallError, in_words

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

# SNS takes a message of 256 KB, in bytes of UTF-8, and a subject of less than 100 characters
# without line breaks or control characters
# (https://docs.aws.amazon.com/sns/latest/api/API_Publish.html).
LARGEST_MESSAGE = 256 * 1024
LONGEST_SUBJECT = 99
CUT = (
    "\n\n[The rest was cut off: a message may have 256 KB. The action `findings` lists everything.]"
)
NO_SUBJECT = "cachegate"


class SnsAlerts:
    """One topic."""

    def __init__(self, sns: SNSClient, topic_arn: str) -> None:
        self._sns = sns
        self._topic_arn = topic_arn

    def send(self, subject: str, text: str) -> str | None:
        """Send a message; return why it was not taken, or None.

        Nothing is raised: what the message tells has happened, and is in the records and the log.
        """
        try:
            self._sns.publish(
                TopicArn=self._topic_arn, Subject=subject_line(subject), Message=message(text)
            )
        except CallError as error:
            return in_words(error)
        return None


def subject_line(text: str) -> str:
    """Write a subject that SNS and every mail program take: one line of printable ASCII."""
    plain = (c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    visible = "".join(c if c.isprintable() else " " for c in plain)
    line = " ".join(visible.encode("ascii", "replace").decode().split()) or NO_SUBJECT
    return line if len(line) <= LONGEST_SUBJECT else f"{line[: LONGEST_SUBJECT - 3]}..."


def message(text: str) -> str:
    """Cut a message that is too large, and say so at its end."""
    encoded = text.encode(errors="replace")  # an event's JSON can hold what is no text
    if len(encoded) <= LARGEST_MESSAGE:
        return encoded.decode()
    return encoded[: LARGEST_MESSAGE - len(CUT.encode())].decode(errors="ignore") + CUT
