// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DoubleAuction} from "../../../contracts/DoubleAuction.sol";
import {GridLimits} from "../../../contracts/GridLimits.sol";
import {Ledger} from "../../../contracts/Ledger.sol";
import {SlotPhase, SlotResult, Submission} from "../../../contracts/types/AuctionTypes.sol";
import {ESCROW_ACCOUNT} from "../../../contracts/types/SystemAccounts.sol";
import {SealedSlots} from "./support/SealedSlots.sol";
import {SessionContracts} from "./support/SessionContracts.sol";

/// @title Plays whole slots with random orders, and attacks them, against the real contracts.
/// @dev A call that turns out to say nothing, such as a slot in which nothing trades, is checked all the same and then taken
/// back, so that forge's table of calls and reverts is the success ratio of each handler.
contract AuctionHandler is SealedSlots {
    /// @dev A submission was accepted, and is taken back by this error.
    error Accepted(uint256 boughtWh);
    /// @dev A call that violated nothing and would be no witness either.
    error SaysNothing();

    // what must never happen; an invariant each
    uint256 public limitsViolated;
    uint256 public energyOutOfBalance;
    uint256 public clearedWithoutVerdict;
    uint256 public openedTwice;
    uint256 public certificatesMissing;
    uint256 public certificatesInExcess;
    uint256 public refundsOfNothing;

    // witnesses
    uint256 public slotsPlayed;
    uint256 public slotsCleared;
    uint256 public slotsTraded;
    uint256 public slotsLapsed;
    uint256 public foreignVerdicts;
    uint256 public replays;
    uint256 public refunds;

    bytes private _oldBook;

    constructor(DoubleAuction auction, GridLimits limits, Ledger ledger, address relay, uint32[] memory accounts)
        SealedSlots(auction, limits, ledger, relay, accounts)
    {}

    // ---------------------------------------------------------------------------------------------------- handlers

    function clearASlot(uint256 seed) external {
        (uint64 slot, Order[] memory orders, bytes memory book) = _upToTheGate(seed);
        (uint256 accepted, uint64 price,) = _certificates(slot, orders, book);
        if (accepted == 0) ++certificatesMissing;
        if (accepted > 1) ++certificatesInExcess;
        if (accepted == 0) return;
        uint256 violations = _violations();
        bool traded = _clearAndCheck(_submission(slot, book, price, DSO_KEY), orders);
        _oldBook = book;
        if (!traded && accepted == 1 && _violations() == violations) revert SaysNothing();
    }

    function letASlotLapse(uint256 seed) external {
        (uint64 slot, Order[] memory orders, bytes memory book) = _upToTheGate(seed);
        (,, bool trades) = _certificates(slot, orders, book);
        vm.warp(AUCTION.clearUntil(slot));
        (uint256 accepted,,) = _certificates(slot, orders, book);
        clearedWithoutVerdict += accepted;
        assertEq(uint256(uint8(AUCTION.phaseOf(slot))), uint256(uint8(SlotPhase.Lapsed)));
        ++slotsLapsed;
        if (!trades && accepted == 0) revert SaysNothing();
    }

    function clearWithAForeignVerdict(uint256 seed, uint256 key) external {
        key = bound(key, 1, type(uint128).max);
        if (key == DSO_KEY) revert SaysNothing();
        (uint64 slot, Order[] memory orders, bytes memory book) = _upToTheGate(seed);
        (,, bool trades) = _certificates(slot, orders, book);
        uint64[] memory candidates = _candidatePrices(orders);
        uint256 accepted = 0;
        for (uint256 i = 0; i < candidates.length; ++i) {
            if (_tryToClear(_submission(slot, book, candidates[i], key))) ++accepted;
        }
        clearedWithoutVerdict += accepted;
        ++foreignVerdicts;
        if (!trades && accepted == 0) revert SaysNothing();
    }

    /// @dev Offers the orders of a slot that traded to a later one, in which as many of the same traders sealed others.
    function openOldOrdersAgain(uint256 seed) external {
        if (_oldBook.length == 0) revert SaysNothing();
        (uint64 slot, Order[] memory orders,) = _upToTheGate(seed);
        uint64[] memory candidates = _candidatePrices(orders);
        for (uint256 i = 0; i < candidates.length; ++i) {
            if (_tryToClear(_submission(slot, _oldBook, candidates[i], DSO_KEY))) ++openedTwice;
        }
        ++replays;
    }

    function refundAnUnsettledSlot(uint256 seed) external {
        (uint64 slot, Order[] memory orders, bytes memory book) = _upToTheGate(seed);
        (uint256 accepted, uint64 price, bool trades) = _certificates(slot, orders, book);
        if (accepted == 0 || !trades) revert SaysNothing();
        vm.recordLogs();
        SlotResult memory result = AUCTION.clear(_submission(slot, book, price, DSO_KEY));
        bytes memory positions = _positionsOf(vm.getRecordedLogs());
        vm.warp((uint256(slot) + 1) * 900 + AUCTION.windows().settle);
        int256 escrowed = LEDGER.cashOf(ESCROW_ACCOUNT);
        AUCTION.refund(slot, positions, result);
        if (LEDGER.cashOf(ESCROW_ACCOUNT) >= escrowed) ++refundsOfNothing;
        ++refunds;
    }

    /// @dev Returns how many of all candidate prices would clear a slot, the last of them, and whether energy would trade.
    function _certificates(uint64 slot, Order[] memory orders, bytes memory book)
        private
        returns (uint256 accepted, uint64 price, bool trades)
    {
        uint64[] memory candidates = _candidatePrices(orders);
        for (uint256 i = 0; i < candidates.length; ++i) {
            (bool passed, uint256 boughtWh) = _wouldClear(_submission(slot, book, candidates[i], DSO_KEY));
            if (!passed) continue;
            ++accepted;
            price = candidates[i];
            trades = boughtWh > 0;
        }
    }

    function _violations() private view returns (uint256) {
        return limitsViolated + energyOutOfBalance + clearedWithoutVerdict + openedTwice;
    }

    // --------------------------------------------------------------------------------------------- playing a slot

    /// @dev Seals random orders, commits to the relayed ones, closes the gate; returns the book that opens all of them.
    function _upToTheGate(uint256 seed) private returns (uint64 slot, Order[] memory orders, bytes memory book) {
        ++slotsPlayed;
        slot = uint64(block.timestamp / 900) + 8;
        LIMITS.publish(slot, _gridData);
        orders = _randomOrders(seed);
        Sealed memory made = _seal(slot, orders);
        _commit(slot, _running(0, _joined(made.entries)), made.relayed);
        book = _joined(made.records);
        vm.warp(AUCTION.gateOf(slot));
    }

    function _tryToClear(Submission memory submission) private returns (bool) {
        try AUCTION.clear(submission) {
            return true;
        } catch {
            return false;
        }
    }

    /// @dev Returns whether a submission would be accepted and what would trade, and leaves everything as it was.
    function _wouldClear(Submission memory submission) private returns (bool passed, uint256 boughtWh) {
        try this.clearAndTakeBack(submission) {
            return (false, 0);
        } catch (bytes memory reason) {
            passed = bytes4(reason) == Accepted.selector;
            // the argument follows the selector
            assembly ("memory-safe") {
                if passed { boughtWh := mload(add(reason, 0x24)) }
            }
        }
    }

    /// @notice Clears, and reverts whatever comes of it.
    function clearAndTakeBack(Submission calldata submission) external {
        SlotResult memory result = AUCTION.clear(submission);
        revert Accepted(result.boughtWh);
    }

    /// @dev Clears, and compares what every account paid and got with the limit that it signed.
    function _clearAndCheck(Submission memory submission, Order[] memory orders) private returns (bool traded) {
        int256[] memory before = new int256[](_accounts.length);
        for (uint256 i = 0; i < before.length; ++i) {
            before[i] = LEDGER.cashOf(_accounts[i]);
        }
        vm.recordLogs();
        SlotResult memory result = AUCTION.clear(submission);
        bytes memory positions = _positionsOf(vm.getRecordedLogs());
        ++slotsCleared;
        traded = result.boughtWh > 0;
        if (traded) ++slotsTraded;
        int256 balance = 0;
        for (uint256 offset = 0; offset < positions.length; offset += 22) {
            (uint32 account, int32 energy, uint256 locked, uint256 release) = _position(positions, offset);
            balance += energy;
            for (uint256 i = 0; i < orders.length; ++i) {
                Order memory order = orders[i];
                if (_accounts[order.trader] != account) continue;
                int256 paid = before[order.trader] - LEDGER.cashOf(account);
                if (paid != int256(locked) || !_withinLimit(order, energy, locked, release)) ++limitsViolated;
            }
        }
        if (balance != 0) ++energyOutOfBalance;
        if (_tryToClear(submission)) ++openedTwice;
    }
}

/// @title Invariants 1, 2 (bought = sold), 3, 4, 6 and 8 of the design, over whole slots and attacks in any order.
contract AuctionInvariantsTest is SessionContracts {
    AuctionHandler private _handler;

    function setUp() public {
        vm.warp(1_781_136_000);
        (uint32[] memory accounts, address relay) = deploySession(4);
        _handler = new AuctionHandler(auction, limits, ledger, relay, accounts);
        appointDso(_handler.dso(), address(_handler));
        targetContract(address(_handler));
        bytes4[] memory handlers = new bytes4[](5);
        handlers[0] = _handler.clearASlot.selector;
        handlers[1] = _handler.letASlotLapse.selector;
        handlers[2] = _handler.clearWithAForeignVerdict.selector;
        handlers[3] = _handler.openOldOrdersAgain.selector;
        handlers[4] = _handler.refundAnUnsettledSlot.selector;
        targetSelector(FuzzSelector(address(_handler), handlers));
    }

    /// forge-config: default.invariant.runs = 6
    /// forge-config: default.invariant.shrink-run-limit = 20
    function invariant_TheAuctionKeepsItsPromises() public view {
        (int256 cash,) = sumOfCash();
        assertEq(cash, int256(credits.balanceOf(address(ledger))), "1: money is neither created nor lost");
        assertEq(_handler.energyOutOfBalance(), 0, "2: per slot, bought is sold");
        assertEq(_handler.limitsViolated(), 0, "3: nobody pays above, or receives below, the limit signed");
        assertEq(_handler.clearedWithoutVerdict(), 0, "4: no slot is cleared without the DSO's signature, or late");
        assertEq(_handler.openedTwice(), 0, "6: a seal is opened at most once, in its slot");
        assertEq(_handler.certificatesMissing(), 0, "8: every book has a certificate");
        assertEq(_handler.certificatesInExcess(), 0, "8: and only one");
        assertEq(_handler.refundsOfNothing(), 0, "what is refunded leaves the escrow");
    }

    /// @dev Witnesses: a run in which nothing happened proves nothing. Short runs, as forge's shrinking makes them, may.
    function afterInvariant() public view {
        if (_handler.slotsPlayed() < 40) return;
        assertGt(_handler.slotsCleared(), 0, "witness: a slot was cleared");
        assertEq(
            _handler.slotsTraded(), _handler.slotsCleared(), "witness: energy was traded in every slot that stayed"
        );
        assertGt(_handler.slotsLapsed(), 0, "witness: a slot lapsed");
        assertGt(_handler.foreignVerdicts(), 0, "witness: a foreign verdict was tried");
        assertGt(_handler.replays(), 0, "witness: old orders were opened again");
        assertGt(_handler.refunds(), 0, "witness: an unsettled slot was refunded");
    }

    function test_OfFortyRandomSlotsThreeQuartersTrade() public {
        uint256 taken = 0;
        for (uint256 seed = 1; seed <= 40; ++seed) {
            try _handler.clearASlot(uint256(keccak256(abi.encode(seed)))) {}
            catch (bytes memory reason) {
                assertEq(bytes32(reason), bytes32(AuctionHandler.SaysNothing.selector));
                ++taken;
            }
        }

        assertEq(_handler.slotsTraded() + taken, 40);
        assertGe(_handler.slotsTraded(), 30);
        assertTrue(ledger.cashOf(ESCROW_ACCOUNT) > 0);
        assertEq(_handler.limitsViolated() + _handler.certificatesMissing() + _handler.certificatesInExcess(), 0);
    }
}
