"""The file of an agent's homes: paths relative to it, one home once, every mistake named."""

from pathlib import Path

import pytest

from p2ptrade.config.agent import load_agent_homes
from p2ptrade.errors import ConfigError


def written(folder: Path, text: str) -> Path:
    path = folder / "homes.toml"
    path.write_text(text)
    return path


def test_homes_are_read_with_paths_relative_to_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, '[[home]]\nindex = 3\nkey = { keystore = "keys/a.json", password_file = "p" }\n')

    (home,) = load_agent_homes(path)

    assert home.index == 3
    assert home.key.keystore == tmp_path / "keys/a.json"
    assert home.key.password_file == tmp_path / "p"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "home"),
        ("[[home]]\nindex = -1\nkey = {}\n", "home.0.index"),
        ("[[home]]\nindex = true\nkey = {}\n", "home.0.index"),
        ("[[home]]\nindex = 1\n", "home.0.key"),
        ("[[home]]\nindex = 1\nkey = {}\nname = 'x'\n", "home.0.name"),
        ("[[home]]\nindex = 1\nkey = {}\n[[home]]\nindex = 1\nkey = {}\n", "home 1 is listed twice"),
        ("home = 5\n", "home"),
        ("[[home\n", "is not TOML"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=r"homes\.toml") as refusal:
        load_agent_homes(written(tmp_path, text))

    assert said in str(refusal.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml cannot be read"):
        load_agent_homes(tmp_path / "nowhere.toml")
