"""Nothing secret leaves through a log line, at whatever depth it hides."""

import json
from typing import Any

from p2ptrade.transport.logs import REDACTED, redact


def written(**event: Any) -> str:
    return json.dumps(redact(None, "info", dict(event)))


def test_keys_salts_passwords_and_openings_are_removed_at_any_depth() -> None:
    secret = "5ec4e7"

    line = written(
        private_key=secret,
        salt=secret,
        password=secret,
        wallet={"mnemonic": secret, "homes": [{"opening": {"energy": secret}}]},
        openings=[secret],
    )

    assert secret not in line
    assert line.count(REDACTED) == 6


def test_what_is_public_stays_readable() -> None:
    line = written(slot=7, account=16, digest=b"\x01\x02", reason="the gate has closed")

    assert json.loads(line) == {"slot": 7, "account": 16, "digest": "0x0102", "reason": "the gate has closed"}


def test_a_value_nested_too_deep_to_be_searched_is_removed() -> None:
    deep: Any = "5ec4e7"
    for _ in range(20):
        deep = {"a": deep}

    assert "5ec4e7" not in written(deep=deep)
