"""The journal of a deployment: an outbox store that is a text file, one JSON object a line, written before each act.

Whoever deployed a market keeps this file; it says which bytes were sent by whom and what became of them, needs no
database to be read, and lets an interrupted deployment go on.
"""

import fcntl
import json
import os
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Self

from p2ptrade.domain.outgoing import Outgoing, OutgoingState
from p2ptrade.errors import ConfigError

_BYTES = frozenset({"raw", "transaction_hash", "block_hash"})


class Journal:
    """An append-only file of what is meant, sent and done; the last line about an attempt counts."""

    def __init__(
        self, path: Path, header: dict[str, Any] | None, entries: dict[tuple[int, str, int], Outgoing]
    ) -> None:
        """Wrap a file that was read; use `open`."""
        self.path = path
        self.header = header
        self._entries = entries

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read a journal; a last line that was cut off by a crash was never acted on and is ignored.

        Raises:
            ConfigError: a line before the last is no JSON.
        """
        header: dict[str, Any] | None = None
        entries: dict[tuple[int, str, int], Outgoing] = {}
        if path.exists():
            _cut_torn_line(path)
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
                try:
                    record = json.loads(line)
                except ValueError:
                    raise ConfigError(f"line {number} of {path} is no JSON: this journal was changed by hand") from None
                if "plan" in record:
                    header = record
                else:
                    entry = _entry(record)
                    entries[entry.chain_id, entry.intent, entry.attempt] = entry
        return cls(path, header, entries)

    def begin(self, header: dict[str, Any]) -> None:
        """Write down what is going to be deployed."""
        self.header = header
        self._append([header])

    def lease(self, sender: str) -> "_Lock":
        """Return the sole right to go on with this deployment.

        Raises:
            ConfigError: another process has it.
        """
        return _Lock(self.path.with_suffix(".lock"), sender)

    def attempts(self, chain_id: int, intent: str) -> list[Outgoing]:
        """Return the transactions of an intent, the first one first."""
        found = [entry for key, entry in self._entries.items() if key[:2] == (chain_id, intent)]
        return sorted(found, key=lambda entry: entry.attempt)

    def open_entries(self, chain_id: int, sender: str) -> list[Outgoing]:
        """Return the unfinished transactions of a key by nonce."""
        mine = [entry for entry in self._of(chain_id, sender) if entry.is_open]
        return sorted(mine, key=lambda entry: (entry.nonce, entry.attempt))

    def next_nonce(self, chain_id: int, sender: str) -> int:
        """Return the nonce after the highest used here."""
        return 1 + max((entry.nonce for entry in self._of(chain_id, sender)), default=-1)

    def settled_nonce(self, chain_id: int, sender: str) -> int:
        """Return the nonce after the highest that is in a block that stays."""
        final = (entry.nonce for entry in self._of(chain_id, sender) if entry.state is OutgoingState.FINAL)
        return 1 + max(final, default=-1)

    def add(self, entry: Outgoing) -> None:
        """Write a new entry down."""
        self.update([entry])

    def update(self, entries: Sequence[Outgoing]) -> None:
        """Write down what became of entries."""
        if not entries:
            return
        self._append([_record(entry) for entry in entries])
        for entry in entries:
            self._entries[entry.chain_id, entry.intent, entry.attempt] = entry

    def _of(self, chain_id: int, sender: str) -> list[Outgoing]:
        return [entry for entry in self._entries.values() if (entry.chain_id, entry.sender) == (chain_id, sender)]

    def _append(self, records: Sequence[dict[str, Any]]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(record) + "\n" for record in records)
            file.flush()
            os.fsync(file.fileno())


class _Lock:
    def __init__(self, path: Path, sender: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._descriptor)
            raise ConfigError(f"another process deploys with {sender} into {path.parent}: wait for it") from None

    def close(self) -> None:
        os.close(self._descriptor)


def _cut_torn_line(path: Path) -> None:
    """Remove what follows the last complete line, so that the next one starts on a line of its own."""
    content = path.read_bytes()
    complete = content.rfind(b"\n") + 1
    if complete != len(content):
        with path.open("r+b") as file:
            file.truncate(complete)


def _record(entry: Outgoing) -> dict[str, Any]:
    values = {field.name: getattr(entry, field.name) for field in fields(entry)}
    return {name: "0x" + value.hex() if isinstance(value, bytes) else value for name, value in values.items()}


def _entry(record: dict[str, Any]) -> Outgoing:
    values: dict[str, Any] = {
        name: bytes.fromhex(value[2:]) if name in _BYTES and value is not None else value
        for name, value in record.items()
    }
    values["state"] = OutgoingState(values["state"])
    return Outgoing(**values)
