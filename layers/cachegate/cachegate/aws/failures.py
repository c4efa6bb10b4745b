"""Tell the failures that pass by themselves from those that a person must end."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError  # noqa: A004

from cachegate.errors import TransientError

if TYPE_CHECKING:
    from collections.abc import Iterator

# What AWS's services say when asked too often; ElastiCache the first, EC2 the third. No complete
# list exists; these are in the one that botocore goes by (botocore/data/_retry.json).
_THROTTLES: Final = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "RequestLimitExceeded",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "TooManyRequestsException",
        "SlowDown",
    }
)

# Everything that a call to AWS raises when AWS refuses or cannot be reached.
CallError = (ClientError, ConnectionError, HTTPClientError)


def code(error: ClientError) -> str:
    """Return AWS's word for an error."""
    return error.response["Error"]["Code"]


def is_transient(error: ClientError | ConnectionError | HTTPClientError) -> bool:
    """Say whether the same call may succeed in a while: throttled, a 5xx, or no answer at all."""
    if not isinstance(error, ClientError):
        return True
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status >= 500 or code(error) in _THROTTLES


def in_words(error: ClientError | ConnectionError | HTTPClientError) -> str:
    """Return what went wrong as a person wants to read it."""
    if isinstance(error, ClientError):
        return f"{error.operation_name}: {code(error)}: {error.response['Error']['Message']}"
    return str(error)


@contextmanager
def needed(subject: str) -> Iterator[None]:
    """Raise TransientError, naming the subject, where a call that a pass needs fails for now."""
    try:
        yield
    except CallError as error:
        if is_transient(error):
            raise TransientError(f"{subject}: {in_words(error)}") from error
        raise
