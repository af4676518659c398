"""Reading the settings: a TOML file, over it the environment; what is unknown or wrong is refused with its name."""

import json
import os
import tomllib
import types
import typing
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from p2ptrade.config.sections import (
    ChainSettings,
    DeploySettings,
    DsoSettings,
    EngineSettings,
    GatewaySettings,
    OfficeSettings,
    OracleSettings,
    RelaySettings,
    WalletSettings,
)
from p2ptrade.errors import ConfigError

PREFIX: Final = "P2PTRADE_"
FILE_VARIABLE: Final = PREFIX + "CONFIG"
_NESTED: Final = "__"
# What is never repeated, not even where it is wrong.
_SECRETS: Final = {"password", "meter_salt"}


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter=_NESTED,
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    chain: ChainSettings = ChainSettings()
    engine: EngineSettings = EngineSettings()
    deploy: DeploySettings = DeploySettings()
    relay: RelaySettings = RelaySettings()
    dso: DsoSettings = DsoSettings()
    oracle: OracleSettings = OracleSettings()
    gateway: GatewaySettings = GatewaySettings()
    wallet: WalletSettings = WalletSettings()
    office: OfficeSettings = OfficeSettings()
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    password: SecretStr | None = Field(
        default=None, description="Password of keystores; the environment is the last resort."
    )
    crash_at: str | None = Field(default=None, description="For crash tests: `place` or `place:count` at which to die.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment stand over the file."""
        return env_settings, init_settings


def load_settings(path: Path | None = None) -> Settings:
    """Return the settings of a TOML file and over it the environment, which may name the file: `P2PTRADE_CONFIG`.

    Raises:
        ConfigError: the file cannot be read, or a name or value in it or in the environment is wrong.
    """
    if path is None and os.environ.get(FILE_VARIABLE):
        path = Path(os.environ[FILE_VARIABLE])
    content: dict[str, Any] = {} if path is None else _read_toml(path)
    base = Path() if path is None else path.resolve().parent
    _check_environment(os.environ)
    try:
        return Settings(**_with_paths(Settings, content, base))
    except ValidationError as error:
        raise ConfigError(_sentence(error, path)) from None
    except ValueError as error:  # a JSON value in the environment that is none
        raise ConfigError(f"the environment cannot be read: {error}") from None


def json_schema() -> str:
    """Return the JSON schema of the settings file."""
    return json.dumps(Settings.model_json_schema(), indent=1)


def credentials_folder() -> Path | None:
    """Return where the service manager has put credentials, if it has."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return Path(folder) if folder else None


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"the configuration file {path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from None


def _with_paths(model: type[BaseModel], content: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """Return `content` with the paths in it made relative to `base` instead of the working folder."""
    resolved: dict[str, Any] = {}
    for name, value in content.items():
        kinds = _kinds(model.model_fields[name].annotation) if name in model.model_fields else ()
        inner = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
        if inner is not None and isinstance(value, dict):
            resolved[name] = _with_paths(inner, value, base)
        elif Path in kinds and isinstance(value, str):
            resolved[name] = base / value
        else:
            resolved[name] = value
    return resolved


def _kinds(annotation: Any) -> tuple[Any, ...]:
    """Return the alternatives of a type annotation."""
    is_union = typing.get_origin(annotation) in (types.UnionType, typing.Union)
    return typing.get_args(annotation) if is_union else (annotation,)


def _check_environment(environment: Mapping[str, str]) -> None:
    """Refuse a variable of ours that sets nothing; pydantic would pass over it."""
    for variable in environment:
        if variable.startswith(PREFIX) and variable != FILE_VARIABLE:
            place = variable.removeprefix(PREFIX).lower().split(_NESTED)
            _require_known(place, variable)


def _require_known(place: list[str], variable: str) -> None:
    model: type[BaseModel] | None = Settings
    for name in place:
        if model is None or name not in model.model_fields:
            raise ConfigError(f"{variable} in the environment sets nothing{_did_you_mean('.'.join(place))}")
        inner = _kinds(model.model_fields[name].annotation)
        model = next((kind for kind in inner if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def _sentence(error: ValidationError, path: Path | None) -> str:
    """Return the first thing that is wrong, in words."""
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    where = f"{path}: " if path is not None else ""
    if first["type"] == "extra_forbidden":
        return f"{where}{place} is no setting{_did_you_mean(place)}"
    message = first["msg"].removeprefix("Value error, ").removeprefix("Input ").removeprefix("String ")
    given = "" if first["loc"][-1] in _SECRETS else f", not {first['input']!r}"
    return f"{where}{place} {message.split(',')[0]}{given}"


def _did_you_mean(place: str) -> str:
    close = get_close_matches(place, list(_all_places(Settings, "")), n=1, cutoff=0.7)
    return f"; did you mean {close[0]}?" if close else "; `p2ptrade config schema` lists them all"


def _all_places(model: type[BaseModel], before: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield before + name
        for kind in _kinds(field.annotation):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from _all_places(kind, f"{before}{name}.")
