"""Base contracts of their own for these tests: a fixture of wider scope may have moved cash on the shared ones."""

import pytest

from tests.support.chain import Chain
from tests.support.platform import Platform, deploy_platform


@pytest.fixture
def platform(chain: Chain) -> Platform:
    return deploy_platform(chain)
