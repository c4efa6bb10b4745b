"""CloudFormation's custom resource is answered at the place that the request names."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any
from urllib.error import URLError

import pytest

from cachegate.aws.stack_response import PHYSICAL_ID, respond
from cachegate.errors import InvocationError

if TYPE_CHECKING:
    from collections.abc import Iterator

Put = tuple[str, str | None, dict[str, Any]]


@pytest.fixture
def puts() -> Iterator[tuple[str, list[Put]]]:
    """Stand in for the bucket: remember what is put, and answer 500 under /broken."""
    got: list[Put] = []

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            got.append((self.path, self.headers["Content-Type"], body))
            self.send_response(500 if self.path == "/broken" else 200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", got
    server.shutdown()
    thread.join()
    server.server_close()


def request(url: str, **more: Any) -> dict[str, Any]:
    names = {"StackId": "stack", "RequestId": "request", "LogicalResourceId": "FirstPass"}
    return {"RequestType": "Create", "ResponseURL": url} | names | more


def test_success_carries_one_physical_id_for_life(puts: tuple[str, list[Put]]) -> None:
    url, got = puts

    respond(request(f"{url}/answer?signature=a%2Fb"))
    respond(request(f"{url}/answer", RequestType="Delete", PhysicalResourceId="given"))

    assert got[0] == (
        "/answer?signature=a%2Fb",
        "",
        {
            "Status": "SUCCESS",
            "Reason": "done",
            "PhysicalResourceId": PHYSICAL_ID,
            "StackId": "stack",
            "RequestId": "request",
            "LogicalResourceId": "FirstPass",
        },
    )
    assert got[1][2]["PhysicalResourceId"] == "given"


def test_a_failure_has_a_reason_that_fits(puts: tuple[str, list[Put]]) -> None:
    url, got = puts

    respond(request(url), failure="x" * 9000)

    assert got[0][2]["Status"] == "FAILED"
    assert len(json.dumps(got[0][2])) < 4096


def test_a_place_that_does_not_take_the_answer_is_an_error(puts: tuple[str, list[Put]]) -> None:
    with pytest.raises(URLError):
        respond(request(f"{puts[0]}/broken"))


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.com/", "nowhere"])
def test_only_the_web_is_a_place_to_answer_to(url: str) -> None:
    with pytest.raises(InvocationError, match="no place"):
        respond(request(url))
