"""Opening a database: newest tables, durable commits, one owner, plain sentences."""

from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.exc import DatabaseError, IntegrityError
from sqlalchemy.orm import Session

from p2ptrade.domain.outgoing import Outgoing, OutgoingState
from p2ptrade.domain.reading import REPLACING, Quality, Reading, Registers, SignedReading
from p2ptrade.domain.units import AccountId, EnergyWh, EpochSeconds, SlotNumber
from p2ptrade.errors import ConfigError
from p2ptrade.store import Database, Durability
from p2ptrade.store.database import migrate, newest_revisions
from p2ptrade.store.gateway import GatewayTable
from p2ptrade.store.models import Base
from p2ptrade.store.outbox import OutboxTable

ENTRY = Outgoing("clear/1", 0, 1337, "0xabc", 4, 0, b"\x01\x02", b"h" * 32)


def test_migrations_make_exactly_the_tables_of_the_models(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'x.sqlite'}")

    migrate(engine)

    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), Base.metadata)

    assert differences == []


def test_new_database_says_that_it_needs_no_migration(tmp_path: Path) -> None:
    made, migrated = Database.open(tmp_path / "x.sqlite").engine, create_engine(f"sqlite:///{tmp_path / 'y.sqlite'}")
    migrate(migrated)

    versions = []
    for engine in (made, migrated):
        with engine.connect() as connection:
            found = connection.execute(text("SELECT version_num FROM alembic_version ORDER BY version_num"))
            versions.append([row[0] for row in found])

    assert versions[0] == versions[1]
    assert sorted(inspect(made).get_table_names()) == sorted(inspect(migrated).get_table_names())


def test_every_migration_can_be_undone(tmp_path: Path) -> None:
    from alembic import command
    from alembic.config import Config

    from p2ptrade.store.database import _MIGRATIONS

    database = Database.open(tmp_path / "x.sqlite")
    config = Config()
    config.set_main_option("script_location", _MIGRATIONS.as_posix())

    with database.engine.connect() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        connection.commit()

    assert set(inspect(database.engine).get_table_names()) == {"alembic_version"}


def test_database_of_an_older_version_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite"
    Database.open(path).close()
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE outbox"))
        connection.execute(text("DELETE FROM alembic_version WHERE version_num LIKE 'outbox%'"))

    database = Database.open(path)

    assert "outbox" in inspect(database.engine).get_table_names()
    with database.engine.connect() as connection:
        present = {row[0] for row in connection.execute(text("SELECT version_num FROM alembic_version"))}
    assert present == newest_revisions()


def test_a_gateway_of_before_better_readings_keeps_what_it_read(tmp_path: Path) -> None:
    from alembic import command
    from alembic.config import Config

    from p2ptrade.store.database import _MIGRATIONS

    path = tmp_path / "x.sqlite"
    old = Database.open(path)
    config = Config()
    config.set_main_option("script_location", _MIGRATIONS.as_posix())
    with old.engine.connect() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "gateway@gateway_0001")
        connection.commit()
    registers = Registers(EnergyWh(7), EnergyWh(0))
    reading = Reading(
        AccountId(16), bytes(32), SlotNumber(5), registers, EpochSeconds(9), Quality.INTERPOLATED, 3, bytes(32)
    )
    signed = SignedReading(reading, bytes(32), bytes(64))
    GatewayTable(old).keep([signed], {})
    with pytest.raises(IntegrityError):
        GatewayTable(old).keep([replace(signed, reading=replace(reading, sequence=4))], {})
    old.close()

    table = GatewayTable(Database.open(path))
    table.keep([replace(signed, reading=replace(reading, sequence=REPLACING + 3))], {})

    assert [each.reading.sequence for each in table.readings(SlotNumber(0), SlotNumber(9))] == [3, REPLACING + 3]


@pytest.mark.parametrize(("durability", "level"), [(Durability.FULL, 2), (Durability.NORMAL, 1)])
def test_connections_keep_the_pragmas(tmp_path: Path, durability: Durability, level: int) -> None:
    database = Database.open(tmp_path / "x.sqlite", durability)

    with database.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == level
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_failed_block_leaves_nothing_behind(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "x.sqlite")
    OutboxTable(database).add(ENTRY)

    with pytest.raises(DatabaseError), database.write() as session:
        _delete_all_then_fail(session)

    assert OutboxTable(database).attempts(1337, "clear/1") == [ENTRY]


def _delete_all_then_fail(session: Session) -> None:
    session.execute(text("DELETE FROM outbox"))
    session.execute(text("DELETE FROM no_such_table"))


def test_reader_sees_one_state_while_a_writer_commits(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "x.sqlite")
    count = text("SELECT COUNT(*) FROM outbox")

    with database.read() as reading:
        before = reading.execute(count).scalar()
        OutboxTable(database).add(ENTRY)
        during = reading.execute(count).scalar()
    with database.read() as reading:
        after = reading.execute(count).scalar()

    assert (before, during, after) == (0, 0, 1)


def test_only_one_process_has_a_lease_until_it_is_given_up(tmp_path: Path) -> None:
    one, other = Database.open(tmp_path / "x.sqlite"), Database.open(tmp_path / "x.sqlite")
    lease = one.lease("key-0xabc")

    with pytest.raises(ConfigError, match="another process already has key-0xabc"):
        other.lease("key-0xabc")
    other.lease("key-0xdef").close()
    lease.close()
    other.lease("key-0xabc").close()


@pytest.mark.parametrize("where", ["nonsense", "oracle+nonsense://x", "sqlite:////proc/none/x.sqlite"])
def test_database_that_cannot_be_opened_is_one_sentence(where: str) -> None:
    with pytest.raises(ConfigError, match="cannot be opened"):
        Database.open(where)


def test_no_message_shows_the_password_of_a_database() -> None:
    with pytest.raises(ConfigError, match="cannot be opened") as caught:
        Database.open("postgresql+psycopg://p2ptrade:secret-word@127.0.0.1:1/none")
    with pytest.raises(ConfigError, match="cannot be opened") as without_driver:
        Database.open("postgresql+nonsense://p2ptrade:secret-word@127.0.0.1:1/none")

    assert "secret-word" not in str(caught.value) + str(without_driver.value)


def test_file_that_is_no_database_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite"
    path.write_text("not a database, but long enough to be looked at as one " * 50)

    with pytest.raises(ConfigError, match="cannot be opened"):
        Database.open(path)


def test_outgoing_transaction_comes_back_as_it_was_stored(tmp_path: Path) -> None:
    table = OutboxTable(Database.open(tmp_path / "x.sqlite"))
    final = Outgoing(
        "clear/1", 0, 1337, "0xabc", 4, 0, b"\x01\x02", b"h" * 32, OutgoingState.FINAL, True, 7, b"b" * 32, 21_000
    )
    table.add(ENTRY)
    assert table.open_entries(1337, "0xabc") == [ENTRY]

    table.update([final])

    assert table.attempts(1337, "clear/1") == [final]
    assert table.open_entries(1337, "0xabc") == []
    assert table.next_nonce(1337, "0xabc") == table.settled_nonce(1337, "0xabc") == 5
    assert table.next_nonce(1, "0xabc") == table.settled_nonce(1, "0xabc") == 0
