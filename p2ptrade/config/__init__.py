"""All settings, read once and handed down: a TOML file, over it the environment (`P2PTRADE_RELAY__PORT=8601`).

This package is the only reader of the environment. Settings are frozen. Paths in a file are relative to that file.
Services do not import it: they take what they need as arguments, which the commands fill in from here.
"""

from p2ptrade.config.crash import checkpoint
from p2ptrade.config.keys import dev_key, open_key
from p2ptrade.config.market import DEV_ACCOUNTS, DEV_ORACLES, deployment_plan
from p2ptrade.config.sections import (
    ChainSettings,
    DaemonSettings,
    DeploySettings,
    DsoSettings,
    EngineSettings,
    GatewaySettings,
    HolderSettings,
    KeySettings,
    OfficeSettings,
    OracleSettings,
    RelaySettings,
    Section,
    ServiceSettings,
    WalletSettings,
    WindowSettings,
)
from p2ptrade.config.settings import Settings, credentials_folder, json_schema, load_settings

__all__ = [
    "DEV_ACCOUNTS",
    "DEV_ORACLES",
    "ChainSettings",
    "DaemonSettings",
    "DeploySettings",
    "DsoSettings",
    "EngineSettings",
    "GatewaySettings",
    "HolderSettings",
    "KeySettings",
    "OfficeSettings",
    "OracleSettings",
    "RelaySettings",
    "Section",
    "ServiceSettings",
    "Settings",
    "WalletSettings",
    "WindowSettings",
    "checkpoint",
    "credentials_folder",
    "deployment_plan",
    "dev_key",
    "json_schema",
    "load_settings",
    "open_key",
]
