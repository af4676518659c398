"""Reading of JSON and data files, from the package or from a path, with errors that name the place."""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NoReturn

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from p2ptrade.errors import InputError

DATA = Path(str(files("p2ptrade"))) / "data"


def packaged_names(folder: str, suffix: str) -> list[str]:
    """Return the names of the files of one kind that ship with the package."""
    return sorted(path.name.removesuffix(suffix) for path in (DATA / folder).glob(f"*{suffix}"))


def locate(folder: str, suffix: str, name_or_path: str | Path) -> Path:
    """Return the file that a name of the package, or else a path, stands for.

    Raises:
        InputError: there is neither.
    """
    packaged = DATA / folder / f"{name_or_path}{suffix}"
    if packaged.is_file() and packaged.parent == DATA / folder:
        return packaged
    path = Path(name_or_path)
    if path.is_file():
        return path
    known = ", ".join(packaged_names(folder, suffix))
    raise InputError(f"{name_or_path} is neither a file nor one of the packaged {folder}: {known}")


def read_json(path: Path, schema: str) -> Any:
    """Return the JSON document in a file, checked against a schema of the package.

    Raises:
        InputError: the file cannot be read, is not JSON, or breaks the schema (with the JSON pointer of the
        place).
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as UTF-8 text: {error}") from error
    return parse_json(text, schema, name=str(path))


def parse_json(text: str, schema: str, *, name: str) -> Any:
    """Return a JSON document checked against a schema of the package; `name` stands for it in errors.

    Raises:
        InputError: it is not JSON, holds NaN or infinity, or breaks the schema.
    """
    try:
        document = json.loads(text, parse_constant=_refuse_constant)
    except ValueError as error:
        raise InputError(f"{name} is not valid JSON: {error}") from error
    check_schema(document, schema)
    return document


def check_schema(document: Any, schema: str) -> None:
    """Check a document against a schema of the package.

    Raises:
        InputError: it breaks the schema, with the JSON pointer of the place.
    """
    error = best_match(_validator(schema).iter_errors(document))
    if error is not None:
        raise InputError(error.message, pointer=json_pointer(*error.absolute_path))


def json_pointer(*parts: str | int) -> str:
    """Return the JSON pointer (RFC 6901) of a place in a document."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


@lru_cache
def _validator(schema: str) -> Draft202012Validator:
    text = (DATA / "schemas" / f"{schema}.schema.json").read_text(encoding="utf-8")
    return Draft202012Validator(json.loads(text))


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number that can be computed with")
