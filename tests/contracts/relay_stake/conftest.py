"""The auction with its relay, deployed once for each test process."""

from dataclasses import replace

import pytest

from tests.support.auction import Market, deploy_market
from tests.support.chain import Chain
from tests.support.platform import Platform


@pytest.fixture(scope="session")
def session_market(session_platform: Platform) -> Market:
    return deploy_market(session_platform)


@pytest.fixture
def market(session_market: Market, chain: Chain) -> Market:
    return replace(session_market)
