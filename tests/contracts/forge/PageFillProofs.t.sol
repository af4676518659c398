// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BookPasses} from "../../../contracts/libraries/BookPasses.sol";
import {Certificate} from "../../../contracts/libraries/Certificate.sol";
import {LedgerCalls} from "../../../contracts/libraries/LedgerCalls.sol";
import {Outcomes} from "../../../contracts/libraries/Outcomes.sol";
import {Test} from "./support/Test.sol";

/// @title Fills entries with the very code that clears, in one call or going on from what another call left.
contract PageHarness {
    /// @dev Price and charge in half units; of `whole` Wh at the margin of a side, `trades` trade.
    struct Terms {
        uint64 price;
        uint64 chargeHalf;
        uint32 collateralPrice;
        uint32 bidTrades;
        uint32 bidWhole;
        uint32 offerTrades;
        uint32 offerWhole;
    }

    /// @dev What `DoubleAuctionPages` hands on from a page to the next.
    struct State {
        bytes32 positionsHash;
        uint256 buyersPay;
        uint256 sellersGet;
        uint256 collateral;
        uint256 boughtWh;
        uint256 bidRunning;
        uint256 offerRunning;
    }

    function fill(bytes calldata entries, Terms calldata terms, State calldata before)
        external
        pure
        returns (State memory later, uint256[] memory moves, uint256 bonds)
    {
        BookPasses.Pass memory pass = BookPasses.place(7, 0);
        Certificate.Zone[] memory zones = new Certificate.Zone[](1);
        Certificate.Zone memory zone = zones[0];
        zone.price = int256(uint256(terms.price));
        (zone.bidShare, zone.bidAt) = (int256(uint256(terms.bidTrades)), int256(uint256(terms.bidWhole)));
        (zone.offerShare, zone.offerAt) = (int256(uint256(terms.offerTrades)), int256(uint256(terms.offerWhole)));
        (zone.bidRunning, zone.offerRunning) = (int256(before.bidRunning), int256(before.offerRunning));
        BookPasses.setZones(zones, 0);
        (pass.chargeHalf, pass.collateralPrices) = (terms.chargeHalf, terms.collateralPrice);
        (pass.positionsHash, pass.buyersPay, pass.sellersGet) =
        (before.positionsHash, before.buyersPay, before.sellersGet);
        (pass.collateral, pass.boughtWh) = (before.collateral, before.boughtWh);
        pass.positionsEnd = LedgerCalls.take(128);
        uint256 start = LedgerCalls.take(128);
        pass.movesEnd = start;
        bonds = _fill(entries);
        later = State(
            pass.positionsHash,
            pass.buyersPay,
            pass.sellersGet,
            pass.collateral,
            pass.boughtWh,
            uint256(zone.bidRunning),
            uint256(zone.offerRunning)
        );
        moves = new uint256[]((pass.movesEnd - start) / 32);
        for (uint256 i = 0; i < moves.length; ++i) {
            moves[i] = _load(start + 32 * i);
        }
    }

    function _fill(bytes calldata entries) private pure returns (uint256) {
        uint256 start = LedgerCalls.take(entries.length + 32);
        assembly ("memory-safe") {
            calldatacopy(start, entries.offset, entries.length)
        }
        return Outcomes.fill(start, start + entries.length);
    }

    function _load(uint256 place) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(place)
        }
    }
}

/// @title What two pages come to is what one comes to: nothing is handed on but what `DoubleAuctionPages` keeps. By halmos.
/// @dev Of any two entries in one zone, whatever orders or bonds they are of. Several zones, and that the zones' state comes
/// through the hash as it was, are the matter of `test_pages.py` and the invariants. The sums of two entries of the same
/// side are fuzzed: they timed out, since the solver knows no bound of a share.
contract PageFillProofs is Test {
    PageHarness private _harness;

    function setUp() public {
        _harness = new PageHarness();
    }

    function check_ABidAfterABidComesToTheSameInTwoPages(
        uint32[2] calldata accounts,
        uint32[2] calldata better,
        uint32[2] calldata marginal,
        PageHarness.Terms calldata terms,
        PageHarness.State calldata before
    ) public view {
        _assumeWidths(terms, before);
        _compare(
            _entry(accounts[0], 0, better[0], marginal[0]),
            _entry(accounts[1], 0, better[1], marginal[1]),
            terms,
            before,
            false
        );
    }

    function check_AnOfferAfterABidComesToTheSameInTwoPages(
        uint32[2] calldata accounts,
        uint32[2] calldata better,
        uint32[2] calldata marginal,
        PageHarness.Terms calldata terms,
        PageHarness.State calldata before
    ) public view {
        _assumeWidths(terms, before);
        _compare(
            _entry(accounts[0], 0, better[0], marginal[0]),
            _entry(accounts[1], 1, better[1], marginal[1]),
            terms,
            before,
            true
        );
    }

    function check_ABidAfterAnOfferComesToTheSameInTwoPages(
        uint32[2] calldata accounts,
        uint32[2] calldata better,
        uint32[2] calldata marginal,
        PageHarness.Terms calldata terms,
        PageHarness.State calldata before
    ) public view {
        _assumeWidths(terms, before);
        _compare(
            _entry(accounts[0], 1, better[0], marginal[0]),
            _entry(accounts[1], 0, better[1], marginal[1]),
            terms,
            before,
            true
        );
    }

    function check_AnOfferAfterAnOfferComesToTheSameInTwoPages(
        uint32[2] calldata accounts,
        uint32[2] calldata better,
        uint32[2] calldata marginal,
        PageHarness.Terms calldata terms,
        PageHarness.State calldata before
    ) public view {
        _assumeWidths(terms, before);
        _compare(
            _entry(accounts[0], 1, better[0], marginal[0]),
            _entry(accounts[1], 1, better[1], marginal[1]),
            terms,
            before,
            false
        );
    }

    function testFuzz_TwoPagesComeToTheSameSums(
        bool[2] calldata offers,
        uint32[2] calldata better,
        uint32[2] calldata marginal,
        PageHarness.Terms memory terms
    ) public view {
        terms.price = uint64(bound(terms.price, 0, (1 << 33) - 1));
        terms.chargeHalf = uint64(bound(terms.chargeHalf, 0, (1 << 35) - 1));
        terms.bidWhole = uint32(bound(terms.bidWhole, 1 << 31, type(uint32).max));
        terms.offerWhole = uint32(bound(terms.offerWhole, 1 << 31, type(uint32).max));
        terms.bidTrades = uint32(bound(terms.bidTrades, 0, terms.bidWhole));
        terms.offerTrades = uint32(bound(terms.offerTrades, 0, terms.offerWhole));
        PageHarness.State memory before;

        _compare(
            _entry(16, offers[0] ? 1 : 0, better[0], marginal[0] % (1 << 30)),
            _entry(17, offers[1] ? 1 : 0, better[1], marginal[1] % (1 << 30)),
            terms,
            before,
            true
        );
    }

    /// @dev The side is no variable, since halmos follows no address that is.
    function _entry(uint32 account, uint256 side, uint32 better, uint32 marginal) private pure returns (bytes memory) {
        return abi.encodePacked(account, uint8(0), uint32((side << 31) | (uint256(better) & 0x7fffffff)), marginal);
    }

    function _compare(
        bytes memory first,
        bytes memory second,
        PageHarness.Terms memory terms,
        PageHarness.State memory before,
        bool withSums
    ) private view {
        (PageHarness.State memory whole, uint256[] memory moves, uint256 bonds) =
            _harness.fill(bytes.concat(first, second), terms, before);
        (PageHarness.State memory half, uint256[] memory movesOne, uint256 bondsOne) =
            _harness.fill(first, terms, before);
        (PageHarness.State memory all, uint256[] memory movesTwo, uint256 bondsTwo) = _harness.fill(second, terms, half);

        assert(whole.positionsHash == all.positionsHash);
        assert(whole.bidRunning == all.bidRunning && whole.offerRunning == all.offerRunning);
        assert(bonds == bondsOne + bondsTwo);
        assert(moves.length == movesOne.length + movesTwo.length);
        for (uint256 i = 0; i < moves.length; ++i) {
            assert(moves[i] == (i < movesOne.length ? movesOne[i] : movesTwo[i - movesOne.length]));
        }
        if (!withSums) return;
        assert(whole.buyersPay == all.buyersPay && whole.sellersGet == all.sellersGet);
        assert(whole.collateral == all.collateral && whole.boughtWh == all.boughtWh);
    }

    /// @dev What energies, prices and their sums are below; see `BookPasses`.
    function _assumeWidths(PageHarness.Terms calldata terms, PageHarness.State calldata before) private pure {
        vm.assume(terms.price < 1 << 33 && terms.chargeHalf < 1 << 35);
        vm.assume(terms.bidWhole > 0 && terms.offerWhole > 0);
        vm.assume(before.buyersPay < 1 << 100 && before.sellersGet < 1 << 100 && before.collateral < 1 << 100);
        vm.assume(before.boughtWh < 1 << 100 && before.bidRunning < 1 << 64 && before.offerRunning < 1 << 64);
    }
}
