"""Every exception that p2ptrade raises on purpose.

A finding (an unsafe feeder, an unmatched order, a refused opening) is a value, not an exception. An exception says that
we cannot answer. Each class knows two things about itself: the exit code that a command ends with, and whether waiting
may help (`transient`), which is all that a daemon's one handler needs to know.
"""

from collections.abc import Mapping
from typing import Any, ClassVar


class P2PTradeError(Exception):
    """Base of all errors raised on purpose; its text is one sentence with the remedy."""

    exit_code: ClassVar[int] = 1
    transient: ClassVar[bool] = False
    problem_type: ClassVar[str] = "error"


class InputError(P2PTradeError):
    """What the caller gave is wrong: `pointer` is the JSON pointer (RFC 6901) of the place where there is one."""

    exit_code = 2
    problem_type = "bad-input"

    def __init__(self, message: str, *, pointer: str | None = None) -> None:
        super().__init__(message if pointer is None else f"{pointer or '/'}: {message}")
        self.pointer = pointer


class ConfigError(InputError):
    """A configuration file, option or environment variable is wrong."""

    problem_type = "bad-configuration"


class EnvironmentNotReadyError(P2PTradeError):
    """Something that must be installed or running on this machine is not."""

    exit_code = 3
    problem_type = "environment"


class RefusedError(P2PTradeError):
    """The rules say no: a limit, a phase, a balance, a missing role."""

    exit_code = 1
    problem_type = "refused"


class ChainError(P2PTradeError):
    """The chain did something that we cannot go on from."""

    problem_type = "chain"


class ChainUnreachableError(ChainError):
    """No answer from the node, or an unusable one; trying again may help."""

    exit_code = 2
    transient = True
    problem_type = "chain-unreachable"


class WrongChainError(ChainError):
    """The node serves another chain than the configured one."""

    exit_code = 2
    problem_type = "wrong-chain"


class TransactionRevertedError(ChainError):
    """A transaction was mined and reverted, or would revert; `error_name` is the contract's custom error."""

    problem_type = "reverted"

    def __init__(self, message: str, *, error_name: str = "", values: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.error_name = error_name
        self.values: Mapping[str, Any] = values or {}


class PeerUnreachableError(P2PTradeError):
    """Another service (relay, oracle, DSO) did not answer; trying again may help."""

    exit_code = 2
    transient = True
    problem_type = "peer-unreachable"


class GridError(P2PTradeError):
    """A network model that cannot be computed with."""

    exit_code = 2
    problem_type = "grid"


class BooksDoNotCloseError(P2PTradeError):
    """Money or energy was created or lost: the text says how much and where."""

    problem_type = "books-do-not-close"
