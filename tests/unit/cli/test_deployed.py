"""How a deployed function is asked: over real HTTP on loopback, once, with patience."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cachegate_cli import deployed
from cachegate_cli.deployed import ONCE, Deployed
from cachegate_cli.functions import GUARD, PATIENCE_S, InvokeError

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
STACK = """<DescribeStacksResponse><DescribeStacksResult><Stacks><member>
<StackName>cachegate</StackName><CreationTime>2026-11-01T00:00:00Z</CreationTime>
<StackStatus>CREATE_COMPLETE</StackStatus><Outputs><member>
<OutputKey>SyncFunctionName</OutputKey><OutputValue>sync</OutputValue>
</member></Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>"""
Reply = tuple[int, dict[str, str], str]
NO_STACK = "<Error><Error><Code>ValidationError</Code><Message>no</Message></Error></Error>"


def refusal(status: int, code: str) -> Reply:
    return status, {"x-amzn-ErrorType": code}, json.dumps({"Message": f"because of {code}"})


@dataclass(slots=True)
class Aws:
    """CloudFormation and Lambda as far as one invocation needs them."""

    stack: Reply = (200, {}, STACK)
    answer: Reply | None = (200, {}, '{"ok": true}')  # None: never
    invoked: list[Any] = field(default_factory=list)
    signed: list[str] = field(default_factory=list)  # by whom, for which Region
    breaks_off: bool = False  # in the middle of an answer
    over: threading.Event = field(default_factory=threading.Event)

    def reply(self, path: str, body: bytes) -> Reply | None:
        if "/functions/" not in path:
            return self.stack
        self.invoked.append((path.split("/")[-2], json.loads(body)))
        return self.answer


@contextmanager
def serving(aws: Aws, patch: pytest.MonkeyPatch) -> Iterator[Aws]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            aws.signed.append(self.headers["Authorization"].split("Credential=")[1])
            reply = aws.reply(self.path, body)
            if reply is None:
                aws.over.wait(30)
                return
            status, headers, text = reply
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(text.encode()))}).items():
                self.send_header(name, value)
            self.end_headers()
            cut = aws.breaks_off and "/functions/" in self.path
            self.wfile.write(text.encode()[: 3 if cut else None])

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
        "AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_MAX_ATTEMPTS": "5",
    }.items():  # fmt: skip
        patch.setenv(name, value)
    try:
        yield aws
    finally:
        aws.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


def refused(aws: Aws, patch: pytest.MonkeyPatch, **event: Any) -> str:
    with serving(aws, patch), pytest.raises(InvokeError) as error:
        Deployed("cachegate").invoke({"action": "sync", **event})
    return str(error.value)


def test_an_action_goes_to_the_function_that_the_stack_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving(Aws(), monkeypatch) as aws:
        assert Deployed("cachegate").invoke({"action": "sync"}) == {"ok": True}
    assert aws.invoked == [("sync", {"action": "sync"})]


def test_the_client_waits_longer_than_any_function_may_run() -> None:
    lines = (ROOT / "template.yaml").read_text().splitlines()
    limits = [int(line.split(":")[1]) for line in lines if line.strip().startswith("Timeout: ")]
    assert len(limits) == 2
    patience: float = vars(ONCE)["read_timeout"]
    assert patience == PATIENCE_S > max(limits) + 20  # the start takes its time too


def test_an_action_without_an_answer_is_not_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    impatient = ONCE.merge(type(ONCE)(read_timeout=0.2))
    monkeypatch.setattr(deployed, "ONCE", impatient)
    aws = Aws(answer=None)
    why = refused(aws, monkeypatch)
    assert "may still run" in why
    assert "cachegate status" in why
    assert len(aws.invoked) == 1


def test_a_connection_that_breaks_off_is_told_as_one_whose_action_may_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    aws = Aws(breaks_off=True)
    assert "may still run" in refused(aws, monkeypatch)
    assert len(aws.invoked) == 1


def test_a_named_profile_and_region_count_before_those_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = "[profile dev]\nregion = eu-west-3\naws_access_key_id = DEV\n"
    (tmp_path / "config").write_text(settings + "aws_secret_access_key = none\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    with serving(Aws(), monkeypatch) as aws:
        monkeypatch.delenv("AWS_DEFAULT_REGION")
        Deployed("cachegate", profile="dev").invoke({"action": "plan"})
        Deployed("cachegate", profile="dev", region="eu-west-1").invoke({"action": "plan"})
    regions = [each.split("/")[0::2][:2] for each in aws.signed]
    assert regions == [["DEV", "eu-west-3"]] * 2 + [["DEV", "eu-west-1"]] * 2


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (refusal(500, "ServiceException"), "ServiceException"),
        (refusal(429, "TooManyRequestsException"), "try again in a minute"),
        (refusal(403, "AccessDeniedException"), "lambda:InvokeFunction"),
        (refusal(404, "ResourceNotFoundException"), "deploy the stack again"),
        (refusal(403, "ExpiredTokenException"), "aws sso login"),
        ((200, {}, "[1]"), "no JSON object"),
        ((200, {}, "nonsense"), "no JSON object"),
    ],
)
def test_whatever_goes_wrong_is_told_with_what_to_do_and_asked_once(
    monkeypatch: pytest.MonkeyPatch, answer: Reply, says: str
) -> None:
    aws = Aws(answer=answer)
    assert says in refused(aws, monkeypatch)
    assert len(aws.invoked) == 1


@pytest.mark.parametrize(
    ("error", "says"),
    [
        ({"errorType": "KeyError", "errorMessage": "'x'"}, "KeyError: 'x'; `aws logs tail"),
        ({"errorMessage": "Task timed out after 120.00 seconds"}, "Lambda's time limit"),
        (["no", "object"], 'failed: ["no", "object"]'),
    ],
)
def test_a_function_that_broke_off_is_told_with_where_its_log_is(
    monkeypatch: pytest.MonkeyPatch, error: Any, says: str
) -> None:
    aws = Aws(answer=(200, {"X-Amz-Function-Error": "Unhandled"}, json.dumps(error)))
    why = refused(aws, monkeypatch)
    assert says in why
    assert "aws logs tail /aws/lambda/sync" in why


@pytest.mark.parametrize(
    ("stack", "says"),
    [
        ((400, {}, NO_STACK), "there is no stack cachegate in this account and Region"),
        ((403, {}, NO_STACK.replace("ValidationError", "AccessDenied")), "DescribeStacks"),
        ((403, {}, NO_STACK.replace("ValidationError", "ExpiredToken")), "aws sso login"),
        ((200, {}, STACK.replace("SyncFunctionName", "Other")), "is it a cachegate stack"),
    ],
)
def test_a_stack_that_cannot_be_looked_up_is_told_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, stack: Reply, says: str
) -> None:
    aws = Aws(stack=stack)
    assert says in refused(aws, monkeypatch)
    assert aws.invoked == []


def test_a_stack_without_a_guard_says_which_output_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving(Aws(), monkeypatch), pytest.raises(InvokeError, match="no output GuardFunction"):
        Deployed("cachegate").invoke({"action": "findings"}, GUARD)


def bare(patch: pytest.MonkeyPatch, folder: Path, **environment: str) -> str:
    """Ask from a machine on which nothing of AWS is set up."""
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL",
                 "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):  # fmt: skip
        patch.delenv(name, raising=False)
    patch.setenv("AWS_CONFIG_FILE", str(folder / "config"))
    patch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(folder / "credentials"))
    patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name, value in environment.items():
        patch.setenv(name, value)
    with pytest.raises(InvokeError) as error:
        Deployed("cachegate").invoke({"action": "plan"})
    return str(error.value)


def test_a_machine_without_settings_is_told_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert "--region or AWS_REGION" in bare(monkeypatch, tmp_path)
    assert "no AWS credentials" in bare(monkeypatch, tmp_path, AWS_DEFAULT_REGION="eu-west-1")
    assert "list-profiles" in bare(monkeypatch, tmp_path, AWS_PROFILE="nobody")


def test_no_network_is_told_as_such(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    why = bare(
        monkeypatch, tmp_path, AWS_DEFAULT_REGION="eu-west-1", AWS_ACCESS_KEY_ID="none",
        AWS_SECRET_ACCESS_KEY="none",  # noqa: S106
        AWS_ENDPOINT_URL=f"http://127.0.0.1:{port}",
    )  # fmt: skip
    assert why.startswith("AWS cannot be reached")
