"""Exemptions: the tag of a rule, read and judged by the date. Pure."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from cachegate.domain.finding import EXEMPT, Exemption
from cachegate.errors import InvocationError

if TYPE_CHECKING:
    from cachegate.domain.ingress import IngressRule

# A tag's value has 256 characters at most, of letters, digits, spaces and these
# (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions). "|" is not
# named there and taken all the same; other services refuse it.
LONGEST = 256
_FORM = "<owner>|<expiry date as 2027-01-31>|<reason>"


class Excuse(NamedTuple):
    """What a rule's tag says: an exemption that holds, or why none does; neither without a tag."""

    exemption: Exemption | None = None
    objection: str = ""


def excuse(rule: IngressRule, at: float) -> Excuse:
    """Read the tag of a rule, at a time in seconds since the epoch."""
    text = rule.tags.get(EXEMPT)
    if text is None:
        return Excuse()
    try:
        exemption = read_exemption(text)
    except InvocationError as error:
        return Excuse(objection=f"its tag {EXEMPT} excuses nothing: {error}")
    if not exemption.holds(at):
        return Excuse(objection=f"the exemption of {exemption.owner} ended after {exemption.until}")
    return Excuse(exemption)


def read_exemption(text: str) -> Exemption:
    """Read a tag's value; raise InvocationError where a part is missing or no date."""
    owner, *rest = text.split("|", 2)
    if len(rest) != 2:
        raise InvocationError(f"it is not of the form {_FORM}")
    return make_exemption(owner, rest[0], rest[1])


def make_exemption(owner: str, expiry: str, reason: str) -> Exemption:
    """Make an exemption of its parts; raise InvocationError where one is missing or no date."""
    owner, expiry, reason = owner.strip(), expiry.strip(), reason.strip()
    if not owner or not reason:
        raise InvocationError("an exemption needs an owner and a reason")
    if not (owner + reason).isprintable():  # it is told to people, line by line
        raise InvocationError("an exemption is one line of characters that can be printed")
    if "|" in owner:
        raise InvocationError("the owner of an exemption has no | in it")
    until = _date(expiry)
    if until is None:
        raise InvocationError(f"{expiry[:40]!a} is no date such as 2027-01-31")
    exemption = Exemption(owner=owner, until=until, reason=reason)
    if len(str(exemption)) > LONGEST:
        raise InvocationError(f"an exemption has {LONGEST} characters at most, as a tag has")
    return exemption


def _date(text: str) -> date | None:
    try:
        read = date.fromisoformat(text)
    except ValueError:
        return None
    # Python reads other forms of ISO 8601 too, such as 2027-W04-7.
    return read if read.isoformat() == text else None
