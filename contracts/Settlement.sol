// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SettlementCorrections} from "./SettlementCorrections.sol";
import {SettlementReports} from "./SettlementReports.sol";
import {IDoubleAuction} from "./interfaces/IDoubleAuction.sol";
import {IEnergyToken} from "./interfaces/IEnergyToken.sol";
import {ILedger} from "./interfaces/ILedger.sol";
import {ISettlement} from "./interfaces/ISettlement.sol";
import {ITariffs} from "./interfaces/ITariffs.sol";
import {LedgerCalls} from "./libraries/LedgerCalls.sol";
import {SettlementFlows} from "./libraries/SettlementFlows.sol";
import {SettlementPage} from "./libraries/SettlementPage.sol";
import {TokenShares} from "./libraries/TokenShares.sol";
import {SlotResult} from "./types/AuctionTypes.sol";
import {Report, Rules, SettlementState} from "./types/SettlementTypes.sol";
import {
    CONGESTION_RENT_ACCOUNT,
    DSO_ACCOUNT,
    ESCROW_ACCOUNT,
    OPERATOR_ACCOUNT,
    RETAILER_ACCOUNT
} from "./types/SystemAccounts.sol";

/// @title Settlement of a delivery slot from metered energy that k of n oracles signed.
/// @dev Reports and rules are in `SettlementReports`, what may follow in `SettlementCorrections`; here are the pages.
contract Settlement is SettlementCorrections {
    using SettlementPage for bytes;

    uint256 private constant SYSTEM_ENTRIES = 5;

    /// @dev Where the settlement of a slot stands between two pages.
    struct Progress {
        bytes32 dataHash;
        uint256 accounts;
        SettlementPage.Totals totals;
        SettlementFlows.Sums sums;
    }

    /// @dev A page in memory, and the list of the ledger's movements that it makes.
    /// @param start Where the copy of the page begins.
    /// @param first Where its first record is.
    /// @param end Where it ends.
    /// @param moves Where the list begins.
    /// @param movesEnd Where the list ends.
    struct Copy {
        uint256 start;
        uint256 first;
        uint256 end;
        uint256 moves;
        uint256 movesEnd;
    }

    mapping(uint64 slot => Progress) private _progress;

    constructor(
        address authority,
        ILedger ledger_,
        IDoubleAuction auction_,
        ITariffs tariffs_,
        IEnergyToken energyToken_,
        uint256 correctionWindow_,
        Rules memory firstRules
    ) SettlementReports(authority, ledger_, auction_, tariffs_, energyToken_, correctionWindow_, firstRules) {}

    /// @inheritdoc ISettlement
    function settlePage(
        Report calldata report,
        bytes calldata page,
        bytes32[] calldata later,
        SlotResult calldata cleared
    ) external {
        _requireFirstReport(report);
        _settlePage(report, page, later, cleared, rulesAt(report.slot));
    }

    /// @inheritdoc ISettlement
    function settleAtOnce(
        Report calldata report,
        bytes[] calldata signatures,
        bytes calldata page,
        SlotResult calldata cleared
    ) external {
        Report memory first = report;
        Rules memory rules = rulesAt(first.slot);
        _acceptReport(first, signatures, rules);
        if (first.version != 1) revert SettlementWrongVersion(first.slot, first.version, 1);
        _settlePage(first, page, new bytes32[](0), cleared, rules);
    }

    // --- Steps ---

    /// @dev Settle the next page of a report that was found to be the submitted one. The auction is ours and calls nobody
    /// then; it hands a slot over once, so a second start would revert there. (2026-11-21)
    // slither-disable-next-line reentrancy-no-eth,reentrancy-events
    function _settlePage(
        Report memory report,
        bytes calldata page,
        bytes32[] memory later,
        SlotResult memory cleared,
        Rules memory rules
    ) private {
        uint64 slot = report.slot;
        Progress memory progress = _resume(slot, page, cleared);
        if (report.deliveredWh > cleared.boughtWh) revert SettlementAboveCap(report.deliveredWh, cleared.boughtWh);
        Copy memory copy = _copy(page, progress.dataHash == 0 ? SettlementPage.TOTALS_LENGTH : 0);
        progress.dataHash = _provenHash(progress.dataHash, _hashOf(copy), later, report.dataHash);

        TokenShares.Delivery memory delivery =
            TokenShares.Delivery(report.deliveredWh, cleared.boughtWh, progress.sums.boughtWh);
        _settleRecords(page, copy, _terms(slot, rules, progress.totals), progress);
        if (later.length == 0) {
            _finish(report, progress, cleared, rules, copy);
        } else {
            _standings[slot].state = SettlementState.SETTLING;
            _progress[slot] = progress;
        }
        _push(copy, RETAILER_ACCOUNT, progress.sums.retailerMicro);
        _push(copy, ESCROW_ACCOUNT, -int256(progress.sums.releasedMicro));
        emit PageSettled(slot, progress.dataHash);
        LedgerCalls.settle(ledger, copy.moves, copy.movesEnd);
        if (report.deliveredWh != 0) {
            TokenShares.mint(energyToken, ledger, slot, copy.first, copy.end, delivery);
        }
    }

    /// @dev Where the slot stands: a fresh start takes it over from the auction, which refuses what was refunded.
    function _resume(uint64 slot, bytes calldata page, SlotResult memory cleared)
        private
        returns (Progress memory progress)
    {
        SettlementState state = _standings[slot].state;
        if (state == SettlementState.REPORTED) {
            _requireNotAfter(slot, deadlineOf(slot));
            progress.totals = page.readTotals();
            // Cleared or lapsed, both settle; the other phases revert (2026-11-21).
            // slither-disable-next-line unused-return
            auction.handOver(slot, cleared);
        } else if (state == SettlementState.SETTLING) {
            progress = _progress[slot];
            _requireResult(slot, cleared);
        } else {
            revert SettlementWrongState(slot, state);
        }
    }

    /// @dev Copy a page to where it can be hashed and read, with zeros behind it. The list of movements will begin behind
    /// that and be as long as it gets.
    /// @param offset Where its first record is.
    function _copy(bytes calldata page, uint256 offset) private pure returns (Copy memory copy) {
        copy.start = LedgerCalls.take(page.length + 64);
        copy.first = copy.start + offset;
        copy.end = copy.start + page.length;
        uint256 start = copy.start;
        assembly ("memory-safe") {
            calldatacopy(start, page.offset, page.length)
            mstore(add(start, page.length), 0)
            mstore(add(start, add(page.length, 0x20)), 0)
        }
    }

    function _hashOf(Copy memory copy) private pure returns (bytes32 hash) {
        (uint256 start, uint256 length) = (copy.start, copy.end - copy.start);
        assembly ("memory-safe") {
            hash := keccak256(start, length)
        }
    }

    /// @dev Settle all records of a page on paper: movements and sums.
    function _settleRecords(
        bytes calldata page,
        Copy memory copy,
        SettlementFlows.Terms memory terms,
        Progress memory progress
    ) private pure {
        SettlementFlows.Sums memory sums = progress.sums;
        (sums.retailerMicro, sums.releasedMicro) = (0, 0); // those of this page
        SettlementFlows.Span memory span = SettlementFlows.Span(copy.first, 0, terms, sums);
        uint256 first;
        (copy.moves, first) = LedgerCalls.begin(0);
        span.entry = first;
        SettlementFlows.settlePage(page, copy.start, span);
        copy.movesEnd = span.entry;
        LedgerCalls.takeUpTo(span.entry + SYSTEM_ENTRIES * 32);
        progress.accounts += (span.entry - first) / 32;
    }

    /// @dev Prove the totals, pay charges, fee and rent, and close the slot.
    function _finish(
        Report memory report,
        Progress memory progress,
        SlotResult memory cleared,
        Rules memory rules,
        Copy memory copy
    ) private {
        SettlementFlows.Sums memory sums = progress.sums;
        _requireEqual(progress.accounts, report.accounts);
        _requireEqual(_deliveredWh(sums), report.deliveredWh);
        _requireEqual(sums.givenWh, progress.totals.givenWh);
        _requireEqual(sums.takenWh, progress.totals.takenWh);
        if (sums.netWh != progress.totals.netWh) revert SettlementTotalsMismatch(sums.netWh, progress.totals.netWh);
        if (sums.positionsHash != cleared.positionsHash) {
            revert SettlementPositionsMismatch(sums.positionsHash, cleared.positionsHash);
        }
        _requireBelowCaps(report, sums.netWh, rules);

        sums.releasedMicro += uint256(cleared.networkMicro) + cleared.feeMicro + cleared.rentMicro;
        _push(copy, DSO_ACCOUNT, int256(uint256(cleared.networkMicro)));
        _push(copy, OPERATOR_ACCOUNT, int256(uint256(cleared.feeMicro)));
        _push(copy, CONGESTION_RENT_ACCOUNT, int256(uint256(cleared.rentMicro)));
        if (_standings[report.slot].state == SettlementState.SETTLING) delete _progress[report.slot];
        _standings[report.slot].state = SettlementState.SETTLED;
        emit Settled(
            report.slot,
            report.deliveredWh,
            report.deliveredWh,
            cleared.networkMicro,
            cleared.feeMicro,
            cleared.rentMicro
        );
    }

    /// @dev Refuse what the feeder cannot carry and what nobody could have delivered.
    function _requireBelowCaps(Report memory report, int256 netWh, Rules memory rules) private pure {
        uint256 feederWh = uint256(netWh < 0 ? -netWh : netWh);
        if (feederWh > rules.feederCapWh) revert SettlementAboveCap(feederWh, rules.feederCapWh);
        if (report.deliveredWh > rules.deliveryCapWh) {
            revert SettlementAboveCap(report.deliveredWh, rules.deliveryCapWh);
        }
    }

    /// @dev Add the movement of a system account, unless nothing moves.
    function _push(Copy memory copy, uint256 account, int256 micro) private pure {
        copy.movesEnd = LedgerCalls.push(copy.movesEnd, account, micro);
    }
}
