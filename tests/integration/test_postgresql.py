"""The store on PostgreSQL: the same tables, whole numbers of 64 bits, and one writer a key.

Paths of the lease: taken, refused to another process, given up, and lost with the process that had it.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from pydantic import SecretStr
from sqlalchemy import text

from p2ptrade.cli.checks import Finding
from p2ptrade.cli.daemons import open_database, state_finding
from p2ptrade.config import DaemonSettings, OfficeSettings, OracleSettings
from p2ptrade.domain.outgoing import Outgoing
from p2ptrade.domain.reading import NO_PREDECESSOR, Quality, Reading, Registers, SignedReading
from p2ptrade.domain.report import KeptReading
from p2ptrade.domain.units import AccountId, EnergyWh, EpochSeconds, SlotNumber
from p2ptrade.errors import ConfigError
from p2ptrade.store import Database
from p2ptrade.store.database import migrate
from p2ptrade.store.gateway import GatewayTable
from p2ptrade.store.models import Base
from p2ptrade.store.oracle import OracleTable
from p2ptrade.store.outbox import OutboxTable
from tests.support.postgresql import postgresql

LARGE = 2**62 - 1
HOLDER = """
import sys, time
from p2ptrade.store import Database
from p2ptrade.store.outbox import OutboxTable
lease = OutboxTable(Database.open(sys.argv[1])).lease("0xabc")
print("held", flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with postgresql() as found:
        yield found


def test_migrations_make_exactly_the_tables_of_the_models(url: str) -> None:
    database = Database.open(url)
    with database.engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))

    migrate(database.engine)

    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    database.close()


def test_whole_numbers_of_64_bits_come_back_as_they_were_stored(url: str) -> None:
    database = Database.open(url)
    entry = Outgoing("clear/1", 0, LARGE, "0xabc", LARGE, LARGE, b"\x01\x02", b"h" * 32)
    reading = Reading(
        AccountId(2**32 - 1),
        b"m" * 32,
        SlotNumber(LARGE),
        Registers(EnergyWh(LARGE), EnergyWh(LARGE)),
        EpochSeconds(LARGE),
        Quality.MEASURED,
        LARGE,
        NO_PREDECESSOR,
    )
    signed = SignedReading(reading, b"d" * 32, b"s" * 64)

    OutboxTable(database).add(entry)
    GatewayTable(database).keep([signed], {})
    OracleTable(database, "market").keep_readings([KeptReading(signed)])
    OracleTable(database, "market").keep_contested(signed)

    assert OutboxTable(database).attempts(LARGE, "clear/1") == [entry]
    assert [each.signed for each in GatewayTable(database).waiting("http://a", 10)] == [signed]
    assert OracleTable(database, "market").newest() == {reading.account: signed}
    assert OracleTable(database, "market").contested(signed.digest) == signed
    database.close()


def test_only_one_has_the_lease_of_a_key_until_it_is_given_up(url: str) -> None:
    one, other = Database.open(url), Database.open(url)
    lease = OutboxTable(one).lease("0xabc")

    with pytest.raises(ConfigError, match="another process already has key-0xabc"):
        OutboxTable(other).lease("0xabc")
    OutboxTable(other).lease("0xdef").close()
    lease.close()
    OutboxTable(other).lease("0xabc").close()

    with one.engine.connect() as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'"
        assert connection.execute(text(query)).scalar() == 0
    one.close()
    other.close()


def test_a_lease_ends_with_the_process_that_had_it(url: str) -> None:
    database = Database.open(url)
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, url], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(ConfigError, match="another process already has key-0xabc"):
            OutboxTable(database).lease("0xabc")
    finally:
        holder.kill()
        holder.wait()

    for _ in range(100):  # the server notices the broken connection in its own time
        try:
            OutboxTable(database).lease("0xabc").close()
            break
        except ConfigError:
            time.sleep(0.1)
    else:
        pytest.fail("the lease of a dead process is still held")
    database.close()


def test_nothing_is_sent_with_a_key_whose_lease_was_lost_with_its_connection(url: str) -> None:
    database, other = Database.open(url), Database.open(url)
    table = OutboxTable(database)
    lease = table.lease("0xcafe")
    entry = Outgoing("clear/2", 0, 1, "0xcafe", 1, 1, b"\x01", b"x" * 32)
    table.add(entry)
    with other.engine.connect() as connection:
        connection.execute(text("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"))

    with pytest.raises(ConfigError, match="key-0xcafe was lost"):
        table.add(replace(entry, intent="clear/3"))

    assert table.attempts(1, "clear/3") == []
    OutboxTable(other).lease("0xcafe").close()
    lease.close()
    database.close()
    other.close()


@pytest.mark.parametrize("section", [OracleSettings, OfficeSettings])
def test_a_daemon_whose_settings_name_the_database_keeps_its_state_there(
    section: type[DaemonSettings], url: str, tmp_path: Path
) -> None:
    own = section(state=tmp_path / "state", database=SecretStr(url))

    found = state_finding(own, "daemon")
    database = open_database(own, "daemon")

    assert found == Finding("state in the database that is set")
    assert database.engine.dialect.name == "postgresql"
    assert not own.state.exists()
    database.close()
