"""Lambda's Invoke over the functions that really run; all else about functions stays moto's."""

from __future__ import annotations

import base64
import threading
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import unquote

from moto.awslambda.exceptions import UnknownFunctionException
from moto.awslambda.responses import LambdaResponse

if TYPE_CHECKING:
    from local.lambda_runtime import Function


class Responses(LambdaResponse):
    """Answers Invoke by running the function."""

    functions: ClassVar[dict[str, Function]]

    def invoke(self) -> Any:
        """Answer Invoke: the function may be named, or given by its ARN."""
        name = unquote(self.path.rsplit("/", 2)[-2])
        parts = name.split(":")
        short = parts[6] if len(parts) > 6 else parts[0]
        function = self.functions.get(short)
        if function is None:
            raise UnknownFunctionException(name)
        payload = self.body if isinstance(self.body, bytes) else str(self.body).encode()
        kind = self.headers.get("X-Amz-Invocation-Type", "RequestResponse")
        if kind == "DryRun":
            return 204, {}, ""
        if kind == "Event":
            threading.Thread(target=function.invoke, args=(payload or b"{}",), daemon=True).start()
            return 202, {}, ""
        outcome = function.invoke(payload or b"{}")
        headers = {"content-type": "application/json", "x-amz-executed-version": "$LATEST"}
        if outcome.failed:
            headers["x-amz-function-error"] = "Unhandled"
        if self.headers.get("X-Amz-Log-Type") == "Tail":
            headers["x-amz-log-result"] = base64.b64encode(outcome.log.encode()).decode()
        return 200, headers, outcome.payload
