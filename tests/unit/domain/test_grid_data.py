"""The bytes of grid data are the ones that the chain hashes: layout by hand, round trip by property."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2ptrade.domain.grid_data import ROOT, Charges, GridData, ZoneLimits
from p2ptrade.domain.units import U32_MAX, EnergyWh, PriceMicroPerKwh, ZoneId
from p2ptrade.errors import InputError


def grid(*zones: tuple[int, int, int], excluded: frozenset[int] = frozenset()) -> GridData:
    limits = tuple(ZoneLimits(ZoneId(p), EnergyWh(i), EnergyWh(e)) for p, i, e in zones)
    charges = Charges(*(PriceMicroPerKwh(price) for price in (10_000, 4_000, 2_000, 1_000)))
    return GridData((ROOT, *limits), charges, frozenset(ZoneId(z) for z in excluded))


@st.composite
def grids(draw: st.DrawFn) -> GridData:
    count = draw(st.integers(0, 31))
    limit = st.integers(0, U32_MAX)
    zones = [(draw(st.integers(0, z)), draw(limit), draw(limit)) for z in range(count)]
    return grid(*zones, excluded=draw(st.frozensets(st.integers(0, count))))


def test_the_layout_is_the_written_one() -> None:
    packed = grid((0, 5000, 3000), excluded=frozenset({1})).pack()

    words = "02 00000002 00002710 00000fa0 000007d0 000003e8 00 00000000 00000000 00 00001388 00000bb8"
    assert packed == bytes.fromhex(words)


@given(grids())
def test_unpacking_gives_back_what_was_packed(data: GridData) -> None:
    assert GridData.unpack(data.pack()) == data


@given(grids(), st.integers(1, 8))
def test_truncated_bytes_are_refused(data: GridData, missing: int) -> None:
    with pytest.raises(InputError, match="no grid data"):
        GridData.unpack(data.pack()[:-missing])


def test_a_parent_that_comes_later_is_refused() -> None:
    with pytest.raises(InputError, match="after its parent"):
        grid((2, 1, 1), (0, 1, 1))


def test_a_round_may_only_tighten() -> None:
    data = grid((0, 5000, 3000))

    with pytest.raises(InputError, match="only be tightened"):
        data.tightened(grid((0, 5000, 3001)).zones)
    tighter = data.tightened(grid((0, 4000, 3000)).zones, frozenset({ZoneId(1)}))

    assert tighter.zones[1].import_wh == 4000
    assert tighter.excluded == frozenset({ZoneId(1)})


def test_the_charge_is_the_sum_of_the_parts_and_the_fee() -> None:
    charges = grid().charges

    assert (charges.network_micro_per_kwh, charges.total_micro_per_kwh) == (16_000, 17_000)
