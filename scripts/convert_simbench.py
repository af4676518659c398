"""Convert a SimBench grid and two or more of its weeks into the package's own files (needs the `convert` extra)."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

from p2ptrade.grid.importers.simbench import convert, save

DATA = Path(__file__).resolve().parents[1] / "p2ptrade" / "data"


def main() -> None:
    """Read the options, convert, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--grid", default="1-LV-rural3--2-sw", help="SimBench code of the grid and scenario")
    parser.add_argument("--name", default="simbench-lv-rural3", help="name of the files to write")
    parser.add_argument(
        "--weeks",
        nargs="+",
        default=["summer=2016-07-18", "winter=2016-01-18"],
        help="NAME=MONDAY pairs within 2016",
    )
    parser.add_argument("--out", type=Path, default=DATA, help="folder that has networks/ and profiles/")
    options = parser.parse_args()
    pairs = [week.split("=", 1) for week in options.weeks]
    weeks = {name: datetime.fromisoformat(monday).replace(tzinfo=UTC) for name, monday in pairs}
    document, homes = convert(options.grid, options.name, weeks)
    save(document, homes, options.out / "networks", options.out / "profiles")


if __name__ == "__main__":
    main()
