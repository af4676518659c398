"""The report opens without a network, says the same as the figures, and is the same bytes for the same day."""

import csv
import json
import re
from pathlib import Path

from p2ptrade.demo.day import Day
from p2ptrade.demo.figures import figures_of
from p2ptrade.demo.report import LEDGER_COLUMNS, write_report


def write(day: Day, out: Path) -> Path:
    write_report(day, figures_of(day), out, grid="two homes", band_pu=(0.9, 1.1), notice="Data <of> nobody")
    return out


def test_the_page_needs_nothing_from_a_network(day: Day, tmp_path: Path) -> None:
    page = (write(day, tmp_path) / "index.html").read_text()

    references = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"')\s>]+)""", page)
    outside = [reference for reference in references if not reference.startswith("#")]
    assert sorted(outside) == ["ledger.csv", "summary.json"]
    assert page.count("<svg") == 5
    assert "Data &lt;of&gt; nobody" in page


def test_the_ledger_adds_up_to_the_summary(day: Day, tmp_path: Path) -> None:
    out = write(day, tmp_path)

    summary = json.loads((out / "summary.json").read_text())
    with (out / "ledger.csv").open() as file:
        rows = list(csv.DictReader(file))

    assert tuple(rows[0]) == LEDGER_COLUMNS
    assert len(rows) == 4
    assert sum(max(0, int(row["position_wh"])) for row in rows) == summary["energy_traded_wh"]
    assert sum(int(row["saving_micro"]) for row in rows) == summary["saving_total_micro"]


def test_the_same_day_gives_the_same_bytes(day: Day, tmp_path: Path) -> None:
    first, second = write(day, tmp_path / "a"), write(day, tmp_path / "b")

    for name in ("index.html", "summary.json", "ledger.csv"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
