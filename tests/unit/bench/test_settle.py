"""The settlement benchmark measures a real slot and says what it measured."""

from p2ptrade.bench.settle import bench_settle, busy_slot


def test_the_made_up_slot_trades_and_is_the_same_every_time() -> None:
    accounts, cleared = busy_slot(40)

    assert (accounts, cleared) == busy_slot(40)
    assert sum(account.position is not None for account in accounts) == 20
    assert cleared.bought_wh > 0


def test_the_document_has_a_row_for_each_number_of_accounts() -> None:
    document = bench_settle((40, 80))

    assert [row["accounts"] for row in document["rows"]] == [40, 80]
    assert all(row["seconds"] >= 0 for row in document["rows"])
