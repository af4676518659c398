"""The journal is a file that a crash cannot break, and that says the same after a restart."""

from dataclasses import replace
from pathlib import Path

import pytest

from p2ptrade.chain.journal import Journal
from p2ptrade.domain.outgoing import Outgoing, OutgoingState
from p2ptrade.errors import ConfigError

ENTRY = Outgoing("Ledger", 0, 1337, "0xabc", 4, 0, b"\x01\x02", b"h" * 32)
MINED = replace(ENTRY, state=OutgoingState.MINED, succeeded=True, block_number=3, block_hash=b"b" * 32, gas_used=9)


def test_entries_are_there_after_a_restart_as_they_were_last(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal.open(path)
    journal.begin({"plan": {"a": 1}})
    journal.add(ENTRY)
    journal.update([MINED])

    again = Journal.open(path)

    assert again.header == {"plan": {"a": 1}}
    assert again.attempts(1337, "Ledger") == [MINED]
    assert again.open_entries(1337, "0xabc") == [MINED]
    assert again.next_nonce(1337, "0xabc") == 5
    assert again.settled_nonce(1337, "0xabc") == 0


def test_another_chain_and_another_key_have_their_own_entries(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal.jsonl")
    journal.add(ENTRY)

    assert journal.attempts(1, "Ledger") == []
    assert journal.next_nonce(1, "0xabc") == 0
    assert journal.next_nonce(1337, "0xdef") == 0


def test_line_cut_off_by_a_crash_is_ignored_at_every_byte(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    whole = Journal.open(path)
    whole.add(ENTRY)
    first_line = path.read_bytes()
    whole.update([MINED])
    content = path.read_bytes()

    for length in range(len(first_line), len(content)):
        path.write_bytes(content[:length])
        journal = Journal.open(path)
        assert journal.attempts(1337, "Ledger") == [ENTRY]
        journal.update([MINED])
        assert Journal.open(path).attempts(1337, "Ledger") == [MINED]


def test_journal_changed_by_hand_is_refused_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text('{"plan": {}}\nnonsense\n{"plan": {}}\n')

    with pytest.raises(ConfigError, match="line 2 of"):
        Journal.open(path)


def test_two_processes_cannot_deploy_into_one_folder(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal.jsonl")
    lease = journal.lease("0xabc")

    with pytest.raises(ConfigError, match="another process deploys"):
        Journal.open(tmp_path / "journal.jsonl").lease("0xabc")
    lease.close()
    Journal.open(tmp_path / "journal.jsonl").lease("0xabc").close()
