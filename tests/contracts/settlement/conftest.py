"""Settlement deployed once on the chain of the test process."""

from dataclasses import replace

import pytest

from tests.support.chain import Chain
from tests.support.platform import Platform
from tests.support.settlement import SettlementStage, deploy_settlement


@pytest.fixture(scope="session")
def session_stage(session_platform: Platform) -> SettlementStage:
    return deploy_settlement(session_platform)


@pytest.fixture
def stage(session_stage: SettlementStage, chain: Chain) -> SettlementStage:
    return replace(session_stage, results={})
