"""What can go wrong, told apart by what the caller should do about it."""

from __future__ import annotations


class CachegateError(Exception):
    """Root of all our errors; `code` is a stable word for programs, the message is for people."""

    code = "failed"


class ConfigurationError(CachegateError):
    """A setting, tag or parameter is wrong: a person has to change it; trying again cannot help."""

    code = "configuration"


class InvocationError(CachegateError):
    """A direct invocation asked for something that does not exist or is not allowed."""

    code = "bad_request"


class InvalidRuleError(CachegateError):
    """No security group can have such an ingress rule: what described it is damaged, or no rule."""

    code = "invalid_rule"


class RuleRefusedError(CachegateError):
    """AWS does not take a change of a security group's rules; the message says what to do."""

    code = "rule_refused"


class AddressRefusedError(CachegateError):
    """AWS does not move an Elastic IP as asked; the message says why."""

    code = "address_refused"


class TransientError(CachegateError):
    """AWS or the network did not answer well this time; the next pass may succeed."""

    code = "try_again"


class NotShownError(CachegateError):
    """AWS does not answer, or not to us: nothing may be concluded from what was not seen."""

    code = "not_shown"


class UnregisteredError(TransientError):
    """SSM does not reach NAT instances (yet) that have to be asked; they may have just started."""

    def __init__(self, message: str, reasons: dict[str, str]) -> None:
        super().__init__(message)
        self.reasons = reasons  # by instance


class LedgerConflictError(TransientError):
    """Another pass wrote the ledger first: observe and plan again."""

    code = "ledger_conflict"


class RuleSetTooLargeError(ConfigurationError):
    """The rule set fits into no ledger item or command: expose fewer caches."""

    code = "rule_set_too_large"


class NotVerifiedError(TransientError):
    """What was asked for is not seen to be so: a rule set in a kernel, a revocation in EC2."""

    code = "not_verified"
