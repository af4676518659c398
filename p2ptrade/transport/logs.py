"""JSON logs on standard error, with everything that could be a secret taken out before it is written.

Keys, passwords, salts and openings are never logged. Nobody should pass them to a logger in the first place; the
processor here is the second lock on that door: it removes values by the name of their key, at any depth.
"""

import logging
import sys
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any, Final

import structlog

REDACTED: Final = "***"
# A key is secret if one of its parts, split at `_`, is one of these words.
_SECRET_WORDS: Final = frozenset(
    {"key", "mnemonic", "opening", "openings", "order", "orders", "passphrase", "password"}
    | {"private", "salt", "salts", "secret", "secrets", "steps", "token"}
)
_PUBLIC_KEYS: Final = frozenset({"idempotency_key", "key_address"})
_DEPTH_MAX: Final = 6


def set_up_logs(service: str, *, level: str = "info") -> None:
    """Send the logs of this process to standard error as one JSON object a line."""
    number = logging.getLevelNamesMapping()[level.upper()]

    def name_service(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["service"] = service
        return event

    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        name_service,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    renderer = structlog.processors.JSONRenderer(sort_keys=True)
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    formatter = structlog.stdlib.ProcessorFormatter(processors=[_drop_internals, *shared, renderer])
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=max(number, logging.WARNING), force=True)


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace the value of every key that names a secret, at any depth."""
    for name in list(event):
        event[name] = REDACTED if _is_secret(name) else _redacted(event[name], 0)
    return event


def _is_secret(name: str) -> bool:
    return name not in _PUBLIC_KEYS and not _SECRET_WORDS.isdisjoint(name.lower().split("_"))


def _redacted(value: Any, depth: int) -> Any:
    if depth > _DEPTH_MAX:
        return REDACTED
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, Mapping):
        return {
            str(name): REDACTED if _is_secret(str(name)) else _redacted(inner, depth + 1)
            for name, inner in value.items()
        }
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_redacted(inner, depth + 1) for inner in value]
    return value


def _drop_internals(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    event.pop("_record", None)
    event.pop("_from_structlog", None)
    return event
