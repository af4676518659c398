// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BookPasses} from "../../../contracts/libraries/BookPasses.sol";
import {Certificate} from "../../../contracts/libraries/Certificate.sol";
import {LedgerCalls} from "../../../contracts/libraries/LedgerCalls.sol";
import {Outcomes} from "../../../contracts/libraries/Outcomes.sol";
import {Test} from "./support/Test.sol";

/// @title Finds out what one order of one step trades, with the very code that clears: `BookPasses.judge`, `Outcomes.fill`.
contract FillHarness {
    struct Order {
        uint32 energy;
        uint32 limit;
        bool offer;
        uint256 price;
        uint256 chargeHalf;
        uint256 collateralPrice;
        uint256 trades;
        uint256 whole;
    }

    struct Outcome {
        uint32 energy;
        uint256 locked;
        uint256 released;
        uint256 buyersPay;
        uint256 sellersGet;
        uint256 collateral;
    }

    /// @notice Judge an order and fill what was listed.
    /// @param record The order as a book has it: an own seal, which needs no signature; of one step, in zone 0.
    /// @param order The same once more; price and charge in half units; of `whole` Wh at the margin of its side, `trades` trade.
    function judgeAndFill(bytes calldata record, Order calldata order) external view returns (Outcome memory) {
        BookPasses.Pass memory pass = BookPasses.place(7, 0);
        Certificate.Zone[] memory zones = _begin(pass, order);
        return _fill(pass, zones, order, _judge(pass, record));
    }

    /// @notice Judge an order and return what was listed: 13 bytes, or 0.
    function judge(bytes calldata record, Order calldata order) external view returns (uint256) {
        BookPasses.Pass memory pass = BookPasses.place(7, 0);
        _begin(pass, order);
        uint256 trades = _judge(pass, record);
        return pass.tradesEnd == trades ? 0 : _load(trades) >> 152;
    }

    /// @notice Fill what an order at the price is listed as.
    function fillAtThePrice(Order calldata order) external pure returns (Outcome memory) {
        BookPasses.Pass memory pass = BookPasses.place(7, 0);
        Certificate.Zone[] memory zones = _begin(pass, order);
        uint256 trades = LedgerCalls.take(64);
        uint256 entry = uint256(order.energy) | (uint256(order.offer ? 1 : 0) << 63) | (uint256(16) << 72);
        assembly ("memory-safe") {
            mstore(trades, shl(152, entry))
        }
        pass.tradesEnd = trades + 13;
        return _fill(pass, zones, order, trades);
    }

    function _begin(BookPasses.Pass memory pass, Order calldata order)
        private
        pure
        returns (Certificate.Zone[] memory zones)
    {
        zones = new Certificate.Zone[](1);
        zones[0].price = int256(order.price);
        zones[0].down = Certificate.OPEN_BELOW;
        zones[0].up = Certificate.OPEN_ABOVE;
        BookPasses.setZones(zones, 0);
        pass.chargeHalf = order.chargeHalf;
        pass.collateralPrices = order.collateralPrice; // of class 0
    }

    function _judge(BookPasses.Pass memory pass, bytes calldata record) private view returns (uint256 trades) {
        (pass.places, pass.arrivals) = (1, LedgerCalls.take(64));
        trades = LedgerCalls.take(64);
        pass.tradesEnd = trades;
        BookPasses.judge(_row(record), _word(), 0);
    }

    function _fill(BookPasses.Pass memory pass, Certificate.Zone[] memory zones, Order calldata order, uint256 trades)
        private
        pure
        returns (Outcome memory outcome)
    {
        uint256 positions = LedgerCalls.take(128);
        pass.positionsEnd = positions;
        pass.movesEnd = LedgerCalls.take(128);
        if (order.offer) (zones[0].offerShare, zones[0].offerAt) = (int256(order.trades), int256(order.whole));
        else (zones[0].bidShare, zones[0].bidAt) = (int256(order.trades), int256(order.whole));
        Outcomes.fill(trades, pass.tradesEnd);

        uint256 position = 0;
        if (pass.positionsEnd != positions) position = _load(positions);
        outcome.energy = uint32(position >> 192);
        outcome.locked = uint56(position >> 136);
        outcome.released = uint56(position >> 80);
        (outcome.buyersPay, outcome.sellersGet, outcome.collateral) = (pass.buyersPay, pass.sellersGet, pass.collateral);
    }

    function _row(bytes calldata record) private pure returns (uint256[] memory rows) {
        uint256 start;
        assembly ("memory-safe") {
            start := record.offset
        }
        rows = new uint256[](1);
        rows[0] = (start << 48) | (uint256(uint8(record[0])) << 32) | 16;
    }

    /// @dev The word of an active account of class 0 in zone 0, with more cash than any order needs.
    function _word() private pure returns (uint256[] memory words) {
        words = new uint256[](1);
        words[0] = (uint256(1) << 232) | (uint256(uint64(type(int64).max)) << 160);
    }

    function _load(uint256 at_) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(at_)
        }
    }
}

/// @title The passes trade and charge by the formulas that `PaymentProofs` proves to keep limits. Proved by halmos.
/// @dev Amounts are compared with the formula, written once more. That the formula keeps the limits is proved there, because
/// solvers do not get both done at once: that a bid pays within its limit timed out with eight bits of energy.
contract FillProofs is Test {
    /// @dev An order of more is void.
    uint32 private constant _ENERGY_MAX = 0x7fffffff;

    FillHarness private _harness;

    function setUp() public {
        _harness = new FillHarness();
    }

    /// @dev A bid that is better than the zone's price trades whole, and pays price and charge, rounded up.
    function check_ABidBetterThanThePriceTradesWhole(uint32 energy, uint32 limit, uint64 price, uint64 chargeHalf)
        public
        view
    {
        vm.assume(energy > 0 && energy <= _ENERGY_MAX && price < 1 << 33 && chargeHalf < 1 << 35);
        vm.assume(2 * uint256(limit) > uint256(price) + chargeHalf);

        FillHarness.Outcome memory found = _fill(FillHarness.Order(energy, limit, false, price, chargeHalf, 0, 0, 0));

        uint256 pays = _pays(energy, price, chargeHalf);
        assert(found.energy == energy);
        assert(found.buyersPay == pays && found.locked == uint56(pays));
        assert(found.released == 0 && found.sellersGet == 0 && found.collateral == 0);
    }

    /// @dev An offer that is better than the zone's price trades whole; the seller will receive the price, rounded down, and
    /// the collateral that it puts up, rounded up.
    function check_AnOfferBetterThanThePriceTradesWhole(
        uint32 energy,
        uint32 limit,
        uint64 price,
        uint64 chargeHalf,
        uint32 collateralPrice
    ) public view {
        vm.assume(energy > 0 && energy <= _ENERGY_MAX && price < 1 << 33 && chargeHalf < 1 << 35);
        vm.assume(2 * uint256(limit) < price);

        FillHarness.Outcome memory found =
            _fill(FillHarness.Order(energy, limit, true, price, chargeHalf, collateralPrice, 0, 0));

        (uint256 gets, uint256 puts) = _gets(energy, price, collateralPrice);
        assert(found.energy == _negative(energy));
        assert(found.sellersGet == gets && found.collateral == puts && found.buyersPay == 0);
        assert(found.locked == uint56(puts) && found.released == uint56(gets + puts));
    }

    /// @dev At its limit an order is listed with its energy at the price, for `Outcomes.fill` to share.
    function check_AnOrderAtThePriceIsListedAsThat(uint32 energy, uint32 limit, bool offer) public view {
        vm.assume(energy > 0 && energy <= _ENERGY_MAX);

        FillHarness.Order memory order = FillHarness.Order(energy, limit, offer, 2 * uint256(limit), 0, 0, 0, 0);

        assert(_harness.judge(_record(order), order) == (16 << 72 | (offer ? 1 << 63 : 0) | energy));
    }

    /// @dev At its limit a bid trades its share of what trades at the margin, rounded down, and pays for that.
    function check_ABidAtThePriceTradesItsShare(uint32 energy, uint32 limit, uint32 trades, uint32 whole) public view {
        vm.assume(energy > 0 && energy <= _ENERGY_MAX && energy <= whole && trades <= whole);

        FillHarness.Outcome memory found =
            _harness.fillAtThePrice(FillHarness.Order(energy, limit, false, 2 * uint256(limit), 0, 0, trades, whole));

        uint256 share = _share(energy, trades, whole);
        assert(found.energy == uint32(share));
        assert(found.buyersPay == _pays(share, 2 * uint256(limit), 0));
    }

    /// @dev At its limit an offer trades its share of what trades at the margin, rounded down, and receives that much.
    function check_AnOfferAtThePriceTradesItsShare(uint32 energy, uint32 limit, uint32 trades, uint32 whole)
        public
        view
    {
        vm.assume(energy > 0 && energy <= _ENERGY_MAX && energy <= whole && trades <= whole);

        FillHarness.Outcome memory found =
            _harness.fillAtThePrice(FillHarness.Order(energy, limit, true, 2 * uint256(limit), 0, 0, trades, whole));

        uint256 share = _share(energy, trades, whole);
        (uint256 gets,) = _gets(share, 2 * uint256(limit), 0);
        assert(found.energy == _negative(share));
        assert(found.sellersGet == gets);
    }

    /// @dev Fuzzed, not proved: that trades * energy / whole is no more than energy timed out, also without the bytecode.
    function testFuzz_AShareIsNoMoreThanTheOrder(uint32 energy, uint32 trades, uint32 whole) public view {
        whole = uint32(bound(whole, 1, type(uint32).max));
        (energy, trades) =
        (uint32(bound(energy, 1, whole < _ENERGY_MAX ? whole : _ENERGY_MAX)), uint32(bound(trades, 0, whole)));

        FillHarness.Outcome memory found = _fill(FillHarness.Order(energy, 9, false, 18, 0, 0, trades, whole));

        assertLe(found.energy, energy);
        assertLe(found.energy, trades);
    }

    function _fill(FillHarness.Order memory order) private view returns (FillHarness.Outcome memory) {
        return _harness.judgeAndFill(_record(order), order);
    }

    function _record(FillHarness.Order memory order) private pure returns (bytes memory) {
        uint8 kind = order.offer ? 25 : 17; // own, of one step
        bytes memory head = abi.encodePacked(kind, uint32(16), uint16(0));
        return abi.encodePacked(head, order.energy, order.limit, bytes16("salt"));
    }

    // The formulas. None overflows: energies have 32 bits, prices and charges less than 36.

    function _pays(uint256 energy, uint256 price, uint256 chargeHalf) private pure returns (uint256) {
        unchecked {
            return (energy * (price + chargeHalf) + 1999) / 2000;
        }
    }

    function _gets(uint256 energy, uint256 price, uint256 collateralPrice)
        private
        pure
        returns (uint256 gets, uint256 puts)
    {
        unchecked {
            gets = energy * price / 2000;
            puts = (energy * collateralPrice + 999) / 1000;
        }
    }

    function _share(uint256 energy, uint256 trades, uint256 whole) private pure returns (uint256) {
        unchecked {
            return uint32(trades * energy / whole);
        }
    }

    function _negative(uint256 energy) private pure returns (uint32) {
        unchecked {
            return uint32(0 - energy);
        }
    }
}
