"""Deploy a template into the embedded world: moto's CloudFormation, functions that really run."""

from __future__ import annotations

import io
import json
import zipfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import moto.awslambda.urls
from moto.sqs.models import sqs_backends

from local import lambda_api
from local.aws_server import AwsServer, extend
from local.caches import ACCOUNT, REGION
from local.custom_resource import CustomResource
from local.event_source import EventSource
from local.lambda_runtime import Function
from local.template import BUCKET, KEY, Template, holding, read, resolve

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

    from local.artefacts import Artefacts


def register() -> None:
    """Let moto's Lambda run functions for real; call before the server starts."""
    lambda_api.Responses.functions = {}
    extend(moto.awslambda.urls, lambda_api.Responses)


@dataclass(slots=True, kw_only=True)
class Stack:
    """One deployed stack; leaving it stops its functions, `delete` deletes it as a person does."""

    aws: AwsServer
    artefacts: Artefacts
    folder: Path
    name: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)  # put over every function's own
    # Seconds that stand for the batching window of a function, by its logical id.
    windows: Mapping[str, float] = field(default_factory=dict)
    template: Template = field(init=False)
    stack_id: str = ""
    outputs: dict[str, str] = field(default_factory=dict)
    physical_ids: dict[str, str] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)  # by logical id
    sources: list[EventSource] = field(default_factory=list)
    custom: list[CustomResource] = field(default_factory=list)
    running: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        try:
            self.create()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def create(self) -> None:
        """Create everything; raise where CloudFormation or a custom resource says it failed."""
        self.template = read(self.artefacts.template, self.name)
        self._upload()
        cloudformation = self.aws.client("cloudformation")
        self.stack_id = cloudformation.create_stack(**self._request())["StackId"]
        self._read_back(cloudformation)
        self._start()
        for logical_id, properties in self._custom_properties().items():
            self._create_custom(logical_id, properties)

    def update(self, parameters: Mapping[str, str]) -> None:
        """Change parameters, as a second `sam deploy` does."""
        self.parameters = dict(self.parameters) | dict(parameters)
        cloudformation = self.aws.client("cloudformation")
        cloudformation.update_stack(**self._request())
        self.stop()
        self._read_back(cloudformation)
        self._start()
        wanted = self._custom_properties()
        for custom in list(self.custom):
            custom.function = self.functions[self._logical_id(custom.function.name)]
            if custom.logical_id in wanted:
                custom.request("Update", wanted.pop(custom.logical_id))
            else:  # its condition holds no longer
                self.custom.remove(custom)
                custom.request("Delete", custom.properties)
        for logical_id, properties in wanted.items():
            self._create_custom(logical_id, properties)

    def delete(self) -> None:
        """Delete the stack: custom resources first, since they need all the others."""
        while self.custom:
            custom = self.custom.pop()
            custom.request("Delete", custom.properties)
        self.stop()
        self.aws.client("cloudformation").delete_stack(StackName=self.name)

    def stop(self) -> None:
        """Stop pollers and functions; what the stack created stays in moto."""
        self.running.close()
        for function in self.functions.values():
            lambda_api.Responses.functions.pop(function.name, None)
            function.close()

    def _request(self) -> dict[str, Any]:
        return {
            "StackName": self.name,
            "TemplateBody": json.dumps(self.template.body),
            "Parameters": [
                {"ParameterKey": key, "ParameterValue": value}
                for key, value in self.parameters.items()
            ],
            "Capabilities": ["CAPABILITY_IAM"],
        }

    def _upload(self) -> None:
        """Give moto an object to find where sam deploy would have put the code."""
        empty = io.BytesIO()
        zipfile.ZipFile(empty, "w").close()
        s3 = self.aws.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        s3.put_object(Bucket=BUCKET, Key=KEY, Body=empty.getvalue())

    def _read_back(self, cloudformation: Any) -> None:
        stack = cloudformation.describe_stacks(StackName=self.name)["Stacks"][0]
        self.outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
        resources = cloudformation.describe_stack_resources(StackName=self.name)
        self.physical_ids = {
            each["LogicalResourceId"]: each["PhysicalResourceId"]
            for each in resources["StackResources"]
            if "PhysicalResourceId" in each
        }

    def _custom_properties(self) -> dict[str, dict[str, Any]]:
        """Return the properties of each custom resource that this stack has, by logical id."""
        held = holding(self.template.body, self.parameters)
        return {
            logical_id: resolve(resource["Properties"], self._known(), held)
            for logical_id, resource in self.template.custom.items()
            if resource.get("Condition") in {None, *held}
        }

    def _create_custom(self, logical_id: str, properties: dict[str, Any]) -> None:
        token = properties["ServiceToken"]
        function = next(each for each in self.functions.values() if each.arn == token)
        kind = self.template.custom[logical_id]["Type"]
        custom = CustomResource(logical_id, kind, self.stack_id, function)
        self.custom.append(custom)
        custom.request("Create", properties)

    def _known(self) -> dict[str, str]:
        """Return what Ref and GetAtt may lead to in a custom resource."""
        defaults = self.template.body.get("Parameters", {})
        known = {name: parameter.get("Default", "") for name, parameter in defaults.items()}
        known |= dict(self.parameters) | self.physical_ids
        known |= {"AWS::StackName": self.name, "AWS::StackId": self.stack_id}
        return known | {f"{key}.Arn": each.arn for key, each in self.functions.items()}

    def _start(self) -> None:
        """Start the functions with the settings that CloudFormation resolved, and their pollers."""
        self.running, self.sources = ExitStack(), []
        client = self.aws.client("lambda")
        for logical_id, code in self.template.functions.items():
            configuration = client.get_function_configuration(
                FunctionName=self.physical_ids[logical_id]
            )
            role = configuration["Role"].rsplit("/", 1)[1]
            self.functions[logical_id] = function = Function(
                name=configuration["FunctionName"],
                handler=configuration["Handler"],
                folder=self.artefacts.function(code),
                path=self.artefacts.path(self.template, code, self.folder),
                logs=self.folder,
                timeout_s=configuration["Timeout"],
                memory_mb=configuration["MemorySize"],
                environment={
                    **self.aws.environment,
                    "AWS_ACCESS_KEY_ID": role,  # whose policies the calls are checked against
                    **configuration.get("Environment", {}).get("Variables", {}),
                    **self.settings,
                },
            )
            lambda_api.Responses.functions[function.name] = function
        for mapping in client.list_event_source_mappings()["EventSourceMappings"]:
            self._poll(mapping)

    def _poll(self, mapping: dict[str, Any]) -> None:
        name, queue = (mapping[key].rsplit(":", 1)[1] for key in ("FunctionArn", "EventSourceArn"))
        if name not in {function.name for function in self.functions.values()}:
            return  # another stack's
        held = sqs_backends[ACCOUNT][REGION].queues[queue]
        # moto would start a container for every message that is sent.
        held.lambda_event_source_mappings.clear()
        logical_id = self._logical_id(name)
        function = self.functions[logical_id]
        window = float(mapping.get("MaximumBatchingWindowInSeconds") or 0)
        sqs = self.aws.client("sqs", function.environment["AWS_ACCESS_KEY_ID"])
        source = EventSource(
            sqs=sqs,
            queue_url=self.aws.client("sqs").get_queue_url(QueueName=queue)["QueueUrl"],
            queue_arn=mapping["EventSourceArn"],
            function=function,
            waiting=lambda: bool(held.messages),
            batch_size=mapping["BatchSize"],
            window_s=self.windows.get(logical_id, window),
            partial="ReportBatchItemFailures" in mapping.get("FunctionResponseTypes", []),
            concurrency=mapping.get("ScalingConfig", {}).get("MaximumConcurrency", 5),
        )
        self.sources.append(self.running.enter_context(source))

    def _logical_id(self, function_name: str) -> str:
        return next(key for key, each in self.functions.items() if each.name == function_name)
