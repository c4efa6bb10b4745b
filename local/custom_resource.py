"""Lambda-backed custom resources, as CloudFormation runs them: an event with a URL to answer at."""

from __future__ import annotations

import json
import queue
import threading
import uuid
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local.lambda_runtime import Function, Outcome


class CustomResourceError(RuntimeError):
    """The function said FAILED, or never answered: says the reason or its log."""


@dataclass(slots=True)
class CustomResource:
    """One resource of a stack, and the physical id that its function gave it."""

    logical_id: str
    kind: str
    stack_id: str
    function: Function
    physical_id: str | None = None
    properties: dict[str, Any] = field(default_factory=dict)

    def request(self, request: str, properties: dict[str, Any], timeout_s: float = 300) -> None:
        """Send Create, Update or Delete, and wait for the answer at the URL."""
        answers: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        server = HTTPServer(("127.0.0.1", 0), _receiver(answers))
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        event = {
            "RequestType": request,
            "ServiceToken": self.function.arn,
            "ResponseURL": f"http://127.0.0.1:{server.server_address[1]}/answer?signed=yes",
            "StackId": self.stack_id,
            "RequestId": str(uuid.uuid4()),
            "LogicalResourceId": self.logical_id,
            "ResourceType": self.kind,
            "ResourceProperties": properties,
        }
        if self.physical_id is not None:
            event["PhysicalResourceId"] = self.physical_id
        if request == "Update":
            event["OldResourceProperties"] = self.properties
        try:
            outcome = self.function.invoke(json.dumps(event).encode())
            answer = self._answer(answers, timeout_s, outcome)
        finally:
            server.shutdown()
            server.server_close()
        if answer["Status"] != "SUCCESS":
            raise CustomResourceError(f"{self.logical_id} {request}: {answer.get('Reason')}")
        self.physical_id, self.properties = answer["PhysicalResourceId"], properties

    def _answer(
        self, answers: queue.SimpleQueue[dict[str, Any]], timeout_s: float, outcome: Outcome
    ) -> dict[str, Any]:
        try:
            return answers.get(timeout=0.1 if outcome.failed else timeout_s)
        except queue.Empty:
            said = f"{outcome.payload.decode()} {outcome.log}"
            message = f"{self.logical_id}: the function never answered: {said}"
            raise CustomResourceError(message) from None


def _receiver(answers: queue.SimpleQueue[dict[str, Any]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            """Take the answer, as the pre-signed URL of S3 would."""
            answers.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Stay quiet: the answer itself says all."""

    return Handler
