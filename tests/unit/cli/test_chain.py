"""`p2ptrade chain warp`: how an instant may be written."""

from datetime import UTC, datetime

import pytest

from p2ptrade.cli.chain import instant_from
from p2ptrade.errors import InputError

NOW_S = 1_800_000_000


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("25m", 25 * 60), ("2h", 2 * 3600), ("1d", 24 * 3600), ("0s", 0)]
)
def test_time_span_counts_from_now(text: str, seconds: int) -> None:
    assert instant_from(text, NOW_S) == NOW_S + seconds


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2030-06-12T10:29:35", datetime(2030, 6, 12, 10, 29, 35, tzinfo=UTC)),
        ("2030-06-12T10:29", datetime(2030, 6, 12, 10, 29, tzinfo=UTC)),
        ("2030-06-12", datetime(2030, 6, 12, tzinfo=UTC)),
        ("2030-06-12T10:29+02:00", datetime(2030, 6, 12, 8, 29, tzinfo=UTC)),
    ],
)
def test_date_is_utc_unless_it_says_otherwise(text: str, instant: datetime) -> None:
    assert instant_from(text, NOW_S) == instant.timestamp()


@pytest.mark.parametrize("text", ["soon", "", "5", "-5m", "5w", "2030-13-01", "1e3s"])
def test_what_is_no_time_is_answered_with_what_is(text: str) -> None:
    with pytest.raises(InputError, match="write 90s, 25m, 2h, 1d or, in UTC, 2026-06-11T14:00"):
        instant_from(text, NOW_S)
