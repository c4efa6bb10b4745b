"""The function as Lambda starts and calls it: its environment, its context, its module."""

from __future__ import annotations

import importlib
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from tests.unit.test_settings import COMPLETE

if TYPE_CHECKING:
    import pytest

ENVIRONMENT = COMPLETE | {
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "POWERTOOLS_METRICS_NAMESPACE": "Cachegate",
    "POWERTOOLS_SERVICE_NAME": "gate",
}
CONTEXT = SimpleNamespace(
    function_name="sync",
    memory_limit_in_mb=512,
    invoked_function_arn="arn:aws:lambda:eu-west-1:123456789012:function:sync",
    aws_request_id="request",
    get_remaining_time_in_millis=lambda: 120_000,
)


def started(patch: pytest.MonkeyPatch) -> Any:
    """Return the function's module, which reads its environment when it is first imported."""
    for name, value in ENVIRONMENT.items():
        patch.setenv(name, value)
    return module()


def module() -> Any:
    """Return the module of a function that was started."""
    return importlib.import_module("functions.sync_forwards.app")
