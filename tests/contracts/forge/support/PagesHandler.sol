// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DoubleAuction} from "../../../../contracts/DoubleAuction.sol";
import {GridLimits} from "../../../../contracts/GridLimits.sol";
import {Ledger} from "../../../../contracts/Ledger.sol";
import {SlotPhase, SlotResult, Submission} from "../../../../contracts/types/AuctionTypes.sol";
import {BookPage, Clearing, Outcome} from "../../../../contracts/types/PageTypes.sol";
import {BONDS_ACCOUNT, RETAILER_ACCOUNT} from "../../../../contracts/types/SystemAccounts.sol";
import {PagedRound} from "./PagedRound.sol";
import {SealedSlots} from "./SealedSlots.sol";

/// @title Sends pages of random books in and out of turn, and whatever else may happen between the first and the last.
/// @dev A call that turns out to say nothing, such as filling before anything was accepted, is taken back, so that forge's
/// table of calls and reverts is the success ratio of each handler.
contract PagesHandler is PagedRound {
    /// @dev A call that violated nothing and would be no witness either.
    error SaysNothing();

    uint32 private immutable LEAVER;
    address private immutable LEAVER_OWNER;

    // what must never happen, beside what a round itself notices
    uint256 public movedWhileJudging;
    uint256 public wrongPagesTaken;
    uint256 public clearedWithoutVerdict;
    uint256 public clearedLate;
    uint256 public clearedTwice;
    uint256 public clearedBetween;
    uint256 public withdrawnWhileHeld;
    uint256 public heldWithoutNeed;

    // witnesses
    uint256 public pagesJudged;
    uint256 public pagesFilled;
    uint256 public clearedInPages;
    uint256 public tradedInPages;
    uint256 public lapsedInTheMiddle;
    uint256 public clearedInOneCallInTheMiddle;
    uint256 public othersRefused;
    uint256 public othersCleared;
    uint256 public filledAfterDelivery;
    uint256 public pagesRefused;
    uint256 public branches;
    uint256 public withdrawalsRefused;
    uint256 public withdrawals;
    uint256 public bondsTaken;
    uint256 public settledInTheMiddle;

    constructor(
        DoubleAuction auction,
        GridLimits limits,
        Ledger ledger,
        address relay,
        uint32[] memory accounts,
        uint32 leaver
    ) SealedSlots(auction, limits, ledger, relay, accounts) {
        LEAVER = leaver;
        LEAVER_OWNER = address(uint160(ledger.wordOf(leaver)));
        _readCash();
    }

    // ------------------------------------------------------------------------------------------------- the right way

    /// @dev Judges the next page, or the next two; begins a new round if the last one is over.
    function judgeTheNextPage(uint256 seed) external {
        if (_round.slot == 0 || _round.over) {
            vm.prank(LEAVER_OWNER);
            LEDGER.requestWithdrawal(LEAVER, 1e6);
            _begin(seed);
            if (seed % 4 == 0) return; // something else comes first
        }
        if (_round.accepted) revert SaysNothing();
        for (uint256 i = 0; i <= seed % 2 && !_round.accepted; ++i) {
            if (!_judgeNext()) ++rightPagesRefused;
            ++pagesJudged;
        }
        if (cashDiffers()) ++movedWhileJudging;
    }

    function fillTheNextPage() external {
        if (!_round.accepted || _round.over) revert SaysNothing();
        int256 bonds = LEDGER.cashOf(BONDS_ACCOUNT);
        if (!_fillNext()) ++rightPagesRefused;
        ++pagesFilled;
        if (block.timestamp >= uint256(_round.slot) * 900) ++filledAfterDelivery;
        if (LEDGER.cashOf(BONDS_ACCOUNT) > bonds) ++bondsTaken;
        if (!_round.over) return;
        ++clearedInPages;
        if (_positions.length != 0) ++tradedInPages;
    }

    // --------------------------------------------------------------------------------------------------- wrong pages

    /// @dev A page skipped, repeated or altered, for another certificate, after a state that was not reached, or signed by
    /// somebody else. It may lead to a state of its own, but to nothing more.
    function judgeAnotherPage(uint256 seed, uint256 kind) external {
        if (_round.slot == 0) revert SaysNothing();
        kind = kind % 6;
        uint256 after_ = seed % _states.length;
        uint256 call = (seed >> 8) % _calls.length;
        if (call == after_ && kind < 2) call = (call + 1) % _calls.length;
        if (call == after_ && kind < 2) revert SaysNothing(); // a book of one page
        bytes memory state = _states[after_];
        bytes memory page = _calls[call];
        Clearing memory clearing = _clearing(_round.price, 0, DSO_KEY);
        if (kind == 2) page = _altered(page, seed);
        if (kind == 3) clearing = _clearing(_round.price + 2, 0, DSO_KEY);
        if (kind == 3) state = _states[_states.length - 1];
        if (kind == 4) (clearing, state) = (_clearing(_round.price, 0, 1 + seed % 1e18), "");
        if (kind == 5) state = bytes.concat(state, hex"01");
        bool isRefused = kind >= 4 || (kind == 3 && state.length != 0) || _round.accepted || _round.over;

        try this.sendPage(abi.encode(clearing), page, state) returns (
            bytes memory, bytes memory, bytes memory filling
        ) {
            if (filling.length != 0 || isRefused) ++wrongPagesTaken;
            if (kind == 4) ++clearedWithoutVerdict;
            _noteHold();
            ++branches;
        } catch {
            ++pagesRefused;
        }
        if (cashDiffers()) ++movedWhileJudging;
    }

    /// @dev The outcome of another page, or an altered one, or after another state than the last.
    function fillAnotherPage(uint256 seed) external {
        if (_outcomes.length == 0) revert SaysNothing();
        bytes memory outcome = _outcomes[seed % _outcomes.length];
        bytes memory state = _states[(seed >> 8) % _states.length];
        if (_fillStates.length != 0 && seed & 1 == 1) state = _fillStates[(seed >> 8) % _fillStates.length];
        bool isTheTurn = _round.accepted && !_round.over && keccak256(outcome) == keccak256(_outcomes[_round.filled])
            && keccak256(state) == keccak256(_fillStates[_round.filled]);
        if (isTheTurn || seed % 5 == 0) {
            Outcome memory wrong = abi.decode(outcome, (Outcome));
            wrong.voids = bytes.concat(wrong.voids, bytes5(0));
            outcome = abi.encode(wrong);
        }
        try this.sendFill(abi.encode(_clearing(_round.price, 0, DSO_KEY)), outcome, state) {
            ++wrongPagesTaken;
        } catch {
            ++pagesRefused;
        }
    }

    /// @dev A value byte of the page changed: a salt, a signature, a digest.
    function _altered(bytes memory encoded, uint256 seed) private pure returns (bytes memory) {
        BookPage memory page = abi.decode(encoded, (BookPage));
        if (page.book.length == 0) page.seals[page.seals.length - 1] ^= 0x01;
        else page.book[page.book.length - 1 - seed % 8] ^= 0x01;
        return abi.encode(page);
    }

    // --------------------------------------------------------------------------------- what happens in the meantime

    /// @dev Every price, and every price with somebody else's verdict, from the first page to the last.
    function tryEveryCertificate(uint256 seed) external {
        if (_round.slot == 0 || _round.over) revert SaysNothing();
        (uint256 accepted, uint64 price,) = _certificates(DSO_KEY);
        if (_round.accepted) {
            clearedTwice += accepted;
        } else {
            if (accepted == 0 || price != _round.price) ++certificatesMissing;
            if (accepted > 1) ++certificatesInExcess;
        }
        (accepted,,) = _certificates(1 + seed % 1e18);
        clearedWithoutVerdict += accepted;
    }

    /// @dev The next slot, in one call: not before the first one is through, or its time is.
    function clearTheOtherSlot() external {
        uint64 slot = _round.slot + 1;
        if (_round.slot == 0 || _round.otherIsCleared || block.timestamp >= AUCTION.clearUntil(slot)) {
            revert SaysNothing();
        }
        uint256 end = _round.accepted ? uint256(_round.slot) * 900 : AUCTION.clearUntil(_round.slot);
        bool mustWait = _round.begun && !_round.over && block.timestamp < end;
        uint64[] memory candidates = _candidatePrices(_otherOrders);
        uint256 cleared = 0;
        for (uint256 i = 0; i < candidates.length; ++i) {
            if (_clearInOneCall(slot, _otherBook, candidates[i], _otherOrders)) ++cleared;
        }
        if (mustWait) {
            clearedBetween += cleared;
            ++othersRefused;
            return;
        }
        if (cleared == 0) ++certificatesMissing;
        if (cleared > 1) ++clearedTwice;
        _round.otherIsCleared = true;
        ++othersCleared;
        if (!_round.begun) _findCertificate(); // others are solvent now
    }

    /// @dev The slot whose pages are being judged, at once: the same slot, cleared once, if its relayed seals are one chunk.
    function clearTheSlotInOneCall(uint256 seed) external {
        if (_round.over || !_round.begun) revert SaysNothing();
        bool would = _resultInOneCall().length != 0;
        if (_round.accepted || !_round.isOneChunk) {
            if (would) ++clearedTwice;
            return;
        }
        if (!would) ++rightPagesRefused;
        if (seed % 4 != 0) return;
        _takeAllBonds();
        if (!_clearInOneCall(_round.slot, _book, _round.price, _orders)) ++rightPagesRefused;
        if (_judgeNext()) ++clearedTwice;
        _round.over = true;
        ++clearedInOneCallInTheMiddle;
    }

    function _clearInOneCall(uint64 slot, bytes memory book, uint64 price, Order[] memory orders)
        private
        returns (bool)
    {
        Submission memory submission = _submission(slot, book, price, DSO_KEY);
        vm.recordLogs();
        try AUCTION.clear(submission) returns (SlotResult memory) {
            bytes memory positions = _positionsOf(vm.getRecordedLogs());
            _bookPositions(orders, positions);
            if (_balance(positions) != 0) ++energyOutOfBalance;
            return true;
        } catch {
            return false;
        }
    }

    /// @dev To the end of the clearing window, where what is not accepted lapses, and then to the start of delivery.
    function letTimePass(uint256 seed) external {
        if (!_round.begun || _round.over) revert SaysNothing();
        uint256 start = uint256(_round.slot) * 900;
        uint256 end = AUCTION.clearUntil(_round.slot);
        if (_round.accepted) {
            if (block.timestamp >= start) revert SaysNothing();
            vm.warp(block.timestamp < end ? end : start);
            return;
        }
        uint256 now_ = block.timestamp;
        vm.warp(end);
        uint256 call = _round.judged;
        try this.sendPage(abi.encode(_clearing(_round.price, 0, DSO_KEY)), _calls[call], _states[call]) {
            ++clearedLate;
        } catch {
            ++pagesRefused;
        }
        if (AUCTION.phaseOf(_round.slot) != SlotPhase.Lapsed) ++clearedLate;
        if (cashDiffers()) ++movedWhileJudging;
        if (seed % 3 != 0) {
            vm.warp(now_);
            return;
        }
        _round.over = true;
        ++lapsedInTheMiddle;
    }

    function withdraw() external {
        (, uint64 availableAt) = LEDGER.withdrawalOf(LEAVER);
        if (availableAt == 0 || block.timestamp < availableAt) revert SaysNothing();
        bool isHeld = block.timestamp < _round.heldUntil;
        try LEDGER.withdraw(LEAVER) {
            if (isHeld) ++withdrawnWhileHeld;
            ++withdrawals;
        } catch {
            if (!isHeld) ++heldWithoutNeed;
            ++withdrawalsRefused;
        }
    }

    /// @dev The settlement of an earlier slot takes from somebody between two pages.
    function settleAnEarlierSlot(uint256 seed) external {
        if (!_round.begun || _round.over) revert SaysNothing();
        uint32 account = _accounts[seed % 3]; // the poor one would have other orders void
        int64 amount = int64(uint64(1 + (seed >> 8) % 50_000));
        uint256[] memory entries = new uint256[](2);
        entries[0] = (uint256(account) << 64) | uint64(-amount);
        entries[1] = (uint256(RETAILER_ACCOUNT) << 64) | uint64(amount);
        LEDGER.settle(entries);
        _cash[account] -= amount;
        ++settledInTheMiddle;
    }
}
