"""A real boto3 client whose answers come from the test; both sides are checked by AWS's model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError
from botocore.validate import validate_parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Call = tuple[str, dict[str, Any]]


def client_error(code: str, status: int = 400, operation: str = "Operation") -> ClientError:
    return ClientError(
        {
            "Error": {"Code": code, "Message": "as told by the test"},
            "ResponseMetadata": {"HTTPStatusCode": status},  # type: ignore[typeddict-item]
        },
        operation,
    )


def fake_client(
    service: Any, answers: Mapping[str, Callable[..., Any]], calls: list[Call] | None = None
) -> Any:
    """Make a client that answers an operation by calling the function of its name."""
    client: Any = boto3.client(service, region_name="eu-central-1")

    def answer(operation: str, parameters: dict[str, Any]) -> Any:
        model = client.meta.service_model.operation_model(operation)
        validate_parameters(parameters, model.input_shape)
        if calls is not None:
            calls.append((operation, parameters))
        found = answers[operation](**parameters)
        if found:
            validate_parameters(found, model.output_shape)
        return found

    client._make_api_call = answer
    return client


def pages(token_in: str, token_out: str, *found: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    """Answer page by page, as AWS does with a token."""

    def page(**parameters: Any) -> dict[str, Any]:
        number = int(parameters.get(token_in, "0"))
        more = number + 1 < len(found)
        return found[number] | ({token_out: str(number + 1)} if more else {})

    return page


def failing(error: Exception) -> Callable[..., Any]:
    def fail(**_parameters: Any) -> Any:
        raise error

    return fail
