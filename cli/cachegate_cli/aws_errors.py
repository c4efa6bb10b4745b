"""What AWS's refusals and silences mean for who asked: a sentence each, with what to do."""

from __future__ import annotations

import json
from contextlib import suppress

from botocore import exceptions as aws

STALE = frozenset(
    {
        "ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "RequestExpired",
        "SignatureDoesNotMatch", "UnrecognizedClientException", "InvalidSignatureException",
    }
)  # fmt: skip
DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
MAY_RUN = "it may still run: `cachegate status` shows when a pass was last verified"
SIGN_IN = "sign in (`aws sso login`, `aws configure`), or choose a profile with --profile"


def before_sending(error: Exception, stack: str) -> str:
    """Explain why the stack's function could not be found; nothing was asked of it."""
    match error:
        case aws.ProfileNotFound():
            return f"{error}: `aws configure list-profiles` shows which there are"
        case aws.NoRegionError():
            return "no Region: name it with --region or AWS_REGION"
        case aws.ClientError() if _code(error) == "ValidationError":
            return (
                f"there is no stack {stack} in this account and Region: --stack or CACHEGATE_STACK "
                "names the stack, --profile the account, --region or AWS_REGION the Region"
            )
        case aws.ClientError() if _code(error) in DENIED:
            return (
                f"the stack {stack} may not be looked up (cloudformation:DescribeStacks): {error}"
            )
    return _of_any(error)


def after_sending(error: Exception, function: str) -> str:
    """Explain why there is no answer to a request that was sent, or may have been."""
    match error:
        case aws.ReadTimeoutError():
            return f"{function} did not answer in time; {MAY_RUN}"
        case aws.ConnectionClosedError() | aws.ResponseStreamingError():
            return f"the connection ended before the answer of {function} was there; {MAY_RUN}"
        case aws.ClientError():
            return _refused(error, function)
    return _of_any(error)


def of_function(payload: bytes, function: str) -> str:
    """Explain how a function broke off, by what Lambda says of it."""
    told = payload.decode(errors="replace")[:500]
    with suppress(ValueError):
        fields = json.loads(payload)
        if isinstance(fields, dict) and "errorMessage" in fields:
            kind = f"{fields['errorType']}: " if "errorType" in fields else ""
            told = f"{kind}{fields['errorMessage']}"[:500]
    log = f"`aws logs tail /aws/lambda/{function}` has its log"
    if "timed out" in told:
        return f"{function} was ended by Lambda's time limit ({told}); {log}"
    return f"{function} failed: {told}; {log}"


def _refused(error: aws.ClientError, function: str) -> str:
    code = _code(error)
    if code in DENIED:
        return f"{function} may not be invoked (lambda:InvokeFunction is needed): {error}"
    if code == "ResourceNotFoundException":
        return f"the function {function} is gone: deploy the stack again"
    if code in {"TooManyRequestsException", "ThrottlingException"}:
        return f"Lambda did not start {function}, too much runs at once: try again in a minute"
    return _of_any(error)


def _of_any(error: Exception) -> str:
    match error:
        case aws.NoCredentialsError() | aws.PartialCredentialsError():
            return f"no AWS credentials: {SIGN_IN}"
        case aws.SSOError() | aws.TokenRetrievalError() | aws.CredentialRetrievalError():
            return f"no AWS credentials ({error}): {SIGN_IN}"
        case aws.ClientError() if _code(error) in STALE:
            return f"AWS does not take these credentials ({_code(error)}): {SIGN_IN}"
        case aws.EndpointConnectionError() | aws.ConnectTimeoutError() | aws.ProxyConnectionError():
            return (
                f"AWS cannot be reached: {str(error).rstrip('.')}; check the network, --region and "
                "AWS_ENDPOINT_URL"
            )
    return f"AWS: {error}"


def _code(error: Exception) -> str:
    return str(error.response["Error"]["Code"]) if isinstance(error, aws.ClientError) else ""
