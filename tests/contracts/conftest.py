"""One anvil for each test process; what a test does on it is undone after the test."""

from collections.abc import Iterator

import pytest

from p2ptrade.chain.client import ChainClient
from p2ptrade.chain.engine import EngineOptions, Mining, free_port, start
from tests.support.chain import CHAIN_ID, GENESIS_S, Chain
from tests.support.platform import Platform, deploy_platform


@pytest.fixture(scope="session")
def session_chain() -> Iterator[Chain]:
    options = EngineOptions(port=free_port(), chain_id=CHAIN_ID, mining=Mining.EXPLICIT, start_time_s=GENESIS_S)
    engine = start(options)
    try:
        yield Chain(ChainClient.connect(engine.url, CHAIN_ID, timeout_s=120.0))
    finally:
        engine.stop()


@pytest.fixture(scope="session")
def session_platform(session_chain: Chain) -> Platform:
    return deploy_platform(session_chain)


@pytest.fixture
def chain(session_chain: Chain, session_platform: Platform) -> Iterator[Chain]:
    """The chain with the base contracts on it. Fixtures of wider scope may add to it before."""
    before = session_chain.dev.snapshot()
    yield session_chain
    session_chain.dev.revert(before)


@pytest.fixture
def platform(chain: Chain, session_platform: Platform) -> Platform:
    return session_platform
