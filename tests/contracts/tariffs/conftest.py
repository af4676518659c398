"""Tariffs of their own for these tests: a fixture of wider scope may have published lists on the shared ones."""

from dataclasses import replace

import pytest

from tests.support.chain import Chain
from tests.support.platform import FUNCTION_ROLES, NOTICE_S, Platform


@pytest.fixture
def platform(chain: Chain, session_platform: Platform) -> Platform:
    tariffs = chain.deploy("Tariffs", session_platform.authority, NOTICE_S)
    session_platform.set_function_roles(tariffs, FUNCTION_ROLES["Tariffs"])
    return replace(session_platform, tariffs=tariffs)
