"""Settings: the file, the environment over it, and a sentence for whatever is wrong."""

import json
import os
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from p2ptrade.chain.deployment_plan import steps
from p2ptrade.config import DEV_ACCOUNTS, checkpoint, deployment_plan, dev_key, json_schema, load_settings, open_key
from p2ptrade.config.sections import DeploySettings, KeySettings
from p2ptrade.errors import ConfigError


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("P2PTRADE_"):
            monkeypatch.delenv(name)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "p2ptrade.toml"
    path.write_text(text)
    return path


def test_file_overrides_defaults_and_the_environment_overrides_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, "[relay]\nport = 8601\ninterval_s = 0.5\n")
    monkeypatch.setenv("P2PTRADE_RELAY__PORT", "9000")

    settings = load_settings(path)

    assert (settings.relay.port, settings.relay.interval_s) == (9000, 0.5)
    assert settings.dso.port == load_settings().dso.port


def test_paths_are_relative_to_the_file_that_names_them(tmp_path: Path) -> None:
    settings = load_settings(written(tmp_path, '[relay]\nstate = "a/b"\nkey.keystore = "k.json"\n'))

    assert settings.relay.state == tmp_path / "a" / "b"
    assert settings.relay.key.keystore == tmp_path / "k.json"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[relay]\nprot = 8601\n", "relay.prot is no setting; did you mean relay.port?"),
        ("[relais]\nport = 8601\n", "relais is no setting; did you mean relay?"),
        ("[relay]\nport = 'abc'\n", "relay.port should be a valid integer, not 'abc'"),
        ("[relay]\nport = true\n", "relay.port must be a number, not True"),
        ("[relay]\nport = 70000\n", "relay.port should be less than or equal to 65535, not 70000"),
        ("[relay]\nport = 8600.5\n", "relay.port should be a valid integer"),
        ("[chain]\nurl = 'ftp://x'\n", "chain.url"),
        ("relay = 5\n", "relay"),
        ("[relay\n", "is not TOML"),
    ],
)
def test_wrong_file_is_one_sentence_with_the_place(tmp_path: Path, text: str, sentence: str) -> None:
    path = written(tmp_path, text)

    with pytest.raises(ConfigError) as caught:
        load_settings(path)

    assert sentence in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("P2PTRADE_RELAY__PROT", "1", "P2PTRADE_RELAY__PROT in the environment sets nothing; did you mean relay.port?"),
        ("P2PTRADE_NONSENSE", "1", "P2PTRADE_NONSENSE in the environment sets nothing"),
        ("P2PTRADE_RELAY__PORT", "abc", "relay.port should be a valid integer"),
        ("P2PTRADE_ORACLE__PEERS", "a,b", "the environment cannot be read"),
    ],
)
def test_wrong_environment_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(ConfigError) as caught:
        load_settings()

    assert sentence in str(caught.value)


def test_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load_settings(tmp_path / "none.toml")


def test_schema_accepts_what_is_accepted_and_refuses_unknown_names() -> None:
    validator = Draft202012Validator(json.loads(json_schema()))

    assert validator.is_valid({"relay": {"port": 8601}})
    assert not validator.is_valid({"relay": {"prot": 8601}})
    assert not validator.is_valid({"relais": {}})


def test_password_never_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("P2PTRADE_PASSWORD", "open sesame")

    settings = load_settings()

    assert "sesame" not in repr(settings) + settings.model_dump_json()
    assert settings.password is not None


def test_development_keys_are_those_of_the_well_known_mnemonic() -> None:
    assert dev_key(0).address == "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
    assert dev_key(1).address == "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


def test_key_that_is_not_set_is_asked_for_by_name() -> None:
    with pytest.raises(ConfigError, match=r"set relay.key.keystore"):
        open_key(load_settings(), KeySettings(), "relay")


def test_plan_needs_every_holder_unless_it_is_for_development(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"deploy.holders.admin is missing"):
        deployment_plan(DeploySettings(), 0)

    plan = deployment_plan(load_settings(written(tmp_path, "[deploy]\nholders.dev = true\n")).deploy, 86_400 * 5)

    assert plan.first_day == 5
    assert plan.holders.relay == dev_key(DEV_ACCOUNTS["relay"]).address
    assert len(plan.holders.oracles) == 4


def test_quorum_larger_than_the_oracles_is_refused(tmp_path: Path) -> None:
    settings = load_settings(written(tmp_path, "[deploy]\nholders.dev = true\nquorum = 5\n"))

    with pytest.raises(ConfigError, match="there are only 4 oracles"):
        deployment_plan(settings.deploy, 0)


def test_plan_sets_the_terms_of_the_rules_that_give_something_and_has_demurrage_only_if_asked(tmp_path: Path) -> None:
    def names(options: str) -> set[str]:
        settings = load_settings(written(tmp_path, f"[deploy]\nholders.dev = true\n{options}"))
        return {step.name for step in steps(deployment_plan(settings.deploy, 0), dev_key(0).address)}

    usual = names("")
    other = names(
        "issuing.clean_energy = { rate_micro = 5, cap_micro_per_day = 9 }\n"
        "issuing.oracle_work = { rate_micro = 5, cap_micro_per_day = 0 }\n"
        "demurrage_ppm_per_day = 1\n"
    )

    assert usual - other == set()
    assert other - usual == {"terms of clean energy", "Demurrage", "Demurrage moves cash"}


def test_a_market_has_a_guarantee_only_if_asked(tmp_path: Path) -> None:
    def steps_with(options: str) -> set[str]:
        settings = load_settings(written(tmp_path, f"[deploy]\nholders.dev = true\n{options}"))
        return {step.name for step in steps(deployment_plan(settings.deploy, 0), dev_key(0).address)}

    assert steps_with("guarantee_period_days = 30\n") ^ steps_with("") == {
        "Guarantee",
        "owner of account 9",
        "Guarantee moves cash",
    }


def test_process_is_killed_only_at_the_place_and_count_that_were_set(monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: killed.append(number))
    monkeypatch.setenv("P2PTRADE_CRASH_AT", "outbox.sent:2")

    reach = checkpoint(load_settings())
    for place in ("outbox.sent", "outbox.stored", "outbox.stored"):
        reach(place)
    assert killed == []
    reach("outbox.sent")

    assert len(killed) == 1


def test_environment_may_name_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "market.toml").write_text('[relay]\nstate = "here"\n')
    monkeypatch.setenv("P2PTRADE_CONFIG", str(tmp_path / "market.toml"))

    assert load_settings().relay.state == tmp_path / "here"


@pytest.mark.parametrize("section", ["dso", "gateway"])
def test_salt_that_could_be_guessed_is_refused_and_not_repeated(tmp_path: Path, section: str) -> None:
    path = tmp_path / "market.toml"
    path.write_text(f'[{section}]\nmeter_salt = "too short"\n')

    with pytest.raises(ConfigError, match=f"{section}.meter_salt must have at least 16 characters$"):
        load_settings(path)
