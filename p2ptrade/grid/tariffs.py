"""Tariff files, from the package or from a path."""

from __future__ import annotations

from pathlib import Path

from p2ptrade.domain.tariff import Tariff, parse_tariff
from p2ptrade.errors import InputError
from p2ptrade.grid.resources import locate


def load_tariff(name_or_path: str | Path = "default") -> Tariff:
    """Return a tariff of the package by its name, or the one in a file.

    Raises:
        InputError: no such file, or not a tariff.
    """
    path = locate("tariffs", ".toml", name_or_path)
    try:
        return parse_tariff(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as UTF-8 text: {error}") from error
