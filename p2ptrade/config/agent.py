"""The homes of an agent, as a file lists them: which home of the network, and whose key bids for it.

    [[home]]
    index = 0
    key = { keystore = "keys/home-0.json", password_file = "keys/password" }

Paths are relative to the file.
"""

from pathlib import Path

from pydantic import Field, ValidationError

from p2ptrade.config.sections import KeySettings, Section, Whole
from p2ptrade.config.settings import _read_toml, _sentence, _with_paths
from p2ptrade.errors import ConfigError


class AgentHomeSettings(Section):
    """One home: its number among the homes of the network, and its owner's key."""

    index: Whole
    key: KeySettings


class _AgentFile(Section):
    home: tuple[AgentHomeSettings, ...] = Field(min_length=1)


def load_agent_homes(path: Path) -> tuple[AgentHomeSettings, ...]:
    """Return the homes that a file lists.

    Raises:
        ConfigError: the file cannot be read, or something in it is wrong, or a home is listed twice.
    """
    content = _read_toml(path)
    homes = content.get("home")
    if isinstance(homes, list):
        base = path.resolve().parent
        content["home"] = [_with_paths(AgentHomeSettings, home, base) for home in homes if isinstance(home, dict)]
    try:
        listed = _AgentFile(**content).home
    except ValidationError as error:
        raise ConfigError(_sentence(error, path)) from None
    indices = [home.index for home in listed]
    for index in indices:
        if indices.count(index) > 1:
            raise ConfigError(f"{path}: home {index} is listed twice")
    return listed
