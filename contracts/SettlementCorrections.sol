// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SettlementReports} from "./SettlementReports.sol";
import {ISettlement} from "./interfaces/ISettlement.sol";
import {AccountWord} from "./libraries/AccountWord.sol";
import {LedgerCalls} from "./libraries/LedgerCalls.sol";
import {SettlementFlows} from "./libraries/SettlementFlows.sol";
import {BREACHED, ESTIMATED, SettlementPage} from "./libraries/SettlementPage.sol";
import {SlotResult} from "./types/AuctionTypes.sol";
import {ImbalanceRule, PageProof, Report, Rules, SettlementState} from "./types/SettlementTypes.sol";
import {RETAILER_ACCOUNT} from "./types/SystemAccounts.sol";

/// @title What can still happen to a settled slot: corrections, tokens for what they found, disputes.
abstract contract SettlementCorrections is SettlementReports {
    using SettlementPage for bytes;
    using SettlementPage for uint256;

    uint256 private constant POSITION_RECORD_LENGTH = 22;

    /// @dev The search for settled records of a slot in the pages of its first report, and where it has got to.
    struct Search {
        uint64 slot;
        bytes32 dataHash;
        uint256 proof;
        uint256 offset;
        bool open;
    }

    /// @dev What a correction has come to: sums as they were settled before and as they are now.
    struct Change {
        SettlementFlows.Terms terms;
        SettlementFlows.Sums oldSums;
        SettlementFlows.Sums newSums;
        Search search;
    }

    mapping(uint64 slot => mapping(uint256 account => bytes32)) private _correctedRecords;

    /// @inheritdoc ISettlement
    function settleCorrection(
        Report calldata report,
        Report calldata first,
        bytes calldata corrections,
        PageProof[] calldata proofs
    ) external {
        uint64 slot = report.slot;
        SettlementState state = _standings[slot].state;
        if (first.slot != slot || state != SettlementState.SETTLED) revert SettlementWrongState(slot, state);
        Revision memory known = _revisions[slot];
        uint32 version = _version(state, known);
        if (report.version != version + 1) revert SettlementWrongVersion(slot, report.version, version + 1);
        _requireCorrectingReport(report);
        _requireFirstReport(first);
        _provenHash(0, keccak256(corrections), new bytes32[](0), report.dataHash);
        if (version == 1) (known.deliveredWh, known.mintedWh) = (first.deliveredWh, first.deliveredWh);

        Change memory change;
        change.terms = _ownDeviationTerms(slot);
        change.search.slot = slot;
        change.search.dataHash = first.dataHash;
        (uint256 moves, uint256 end) = _readCorrections(corrections, proofs, change);
        _requireEqual(
            known.deliveredWh + _deliveredWh(change.newSums), uint256(report.deliveredWh) + _deliveredWh(change.oldSums)
        );
        _revisions[slot] = Revision(report.version, report.deliveredWh, known.mintedWh);
        if (report.deliveredWh < known.mintedWh) {
            emit DeliveryBelowMinted(slot, report.deliveredWh, known.mintedWh);
        }
        emit Corrected(slot, report.version, report.deliveredWh, corrections);
        int256 retailerMicro = change.newSums.retailerMicro - change.oldSums.retailerMicro;
        LedgerCalls.settle(ledger, moves, LedgerCalls.push(end, RETAILER_ACCOUNT, retailerMicro));
    }

    /// @inheritdoc ISettlement
    function mintCorrected(uint64 slot, bytes calldata positions, SlotResult calldata cleared) external {
        SettlementState state = _standings[slot].state;
        Revision memory known = _revisions[slot];
        _requireResult(slot, cleared);
        if (known.deliveredWh <= known.mintedWh) revert SettlementWrongState(slot, state);
        uint64 moreWh = known.deliveredWh - known.mintedWh;
        (uint256[] memory shares, bytes32 running) = _shareOut(positions, moreWh, cleared.boughtWh);
        if (running != cleared.positionsHash) revert SettlementPositionsMismatch(running, cleared.positionsHash);

        _revisions[slot].mintedWh = known.deliveredWh;
        emit CorrectionMinted(slot, moreWh);
        energyToken.mint(slot, shares);
    }

    /// @inheritdoc ISettlement
    function contest(uint64 slot, uint32 account, bytes32 readingDigest) external {
        if (AccountWord.owner(ledger.wordOf(account)) != msg.sender) revert SettlementNotOwner(account, msg.sender);
        SettlementState state = _standings[slot].state;
        if (state != SettlementState.SETTLED) revert SettlementWrongState(slot, state);
        _requireNotAfter(slot, correctionsUntil(slot));
        emit Contested(slot, account, readingDigest);
    }

    // --- Steps ---

    /// @dev Read all corrections: each account's new flow minus the old one, at its own deviation.
    /// @return moves Where the list of the ledger's movements begins, with room for one more.
    /// @return end Where it ends.
    function _readCorrections(bytes calldata corrections, PageProof[] calldata proofs, Change memory change)
        private
        returns (uint256 moves, uint256 end)
    {
        (moves, end) = LedgerCalls.begin(corrections.length / SettlementPage.HEAD_LENGTH + 1);
        uint256 offset;
        while (offset < corrections.length) {
            (offset, end) = _readCorrection(corrections, offset, proofs, change, end);
        }
    }

    /// @dev Read the correction at `start`, write its movement at `end`, and return where both end.
    function _readCorrection(
        bytes calldata corrections,
        uint256 start,
        PageProof[] calldata proofs,
        Change memory change,
        uint256 end
    ) private returns (uint256, uint256) {
        (uint256 record, uint256 breachWh, uint256 next) = corrections.read(start);
        uint256 account = record.accountOf();
        if (account <= change.oldSums.lastAccount) revert SettlementMalformedPage(start);
        change.oldSums.lastAccount = account;
        _requireSettled(account, record.hashRecord(breachWh), proofs, change.search);
        int256 micro = -SettlementFlows.flowOf(record, breachWh, change.terms, change.oldSums);

        (record, breachWh, next) = _readNewReading(corrections, next, record);
        _correctedRecords[change.search.slot][account] = record.hashRecord(breachWh);
        micro += SettlementFlows.flowOf(record, breachWh, change.terms, change.newSums);
        return (next, LedgerCalls.pushMetered(end, account, micro, record.meteredWh()));
    }

    /// @dev The record with the new reading and flags that follow it in a correction, its breach, and where they end.
    function _readNewReading(bytes calldata corrections, uint256 offset, uint256 record)
        private
        pure
        returns (uint256 corrected, uint256 breachWh, uint256 next)
    {
        uint256 flags = (corrections.readUint32(offset + 1) & 0xff) << SettlementPage.FLAGS_SHIFT; // behind the reading
        next = offset + 5;
        if (flags & BREACHED != 0) {
            breachWh = corrections.readUint32(next);
            next += SettlementPage.BREACH_LENGTH;
        }
        bool known = flags & ~(ESTIMATED | BREACHED) == 0;
        if (!known || next > corrections.length) revert SettlementMalformedPage(offset);
        corrected = record.withReading(corrections.readUint32(offset), flags);
    }

    /// @dev The old record must be the last correction's new one or, without one, in a page of version 1.
    function _requireSettled(uint256 account, bytes32 recordHash, PageProof[] calldata proofs, Search memory search)
        private
        view
    {
        bytes32 corrected = _correctedRecords[search.slot][account];
        bool found = corrected == 0 ? _isInPages(account, recordHash, proofs, search) : corrected == recordHash;
        if (!found) revert SettlementNotWhatWasSettled(search.slot, uint32(account)); // read from four bytes
    }

    /// @dev Look for a record in the proven pages, going on from where the account before it was found.
    function _isInPages(uint256 account, bytes32 recordHash, PageProof[] calldata proofs, Search memory search)
        private
        pure
        returns (bool)
    {
        for (; search.proof < proofs.length; ++search.proof) {
            PageProof calldata proof = proofs[search.proof];
            if (!search.open) {
                _provenHash(proof.before, keccak256(proof.page), proof.later, search.dataHash);
                search.offset = proof.before == 0 ? SettlementPage.TOTALS_LENGTH : 0;
                search.open = true;
            }
            while (search.offset < proof.page.length) {
                (uint256 record, uint256 breachWh, uint256 next) = proof.page.read(search.offset);
                search.offset = next;
                if (record.accountOf() == account) return record.hashRecord(breachWh) == recordHash;
            }
            search.open = false;
        }
        return false;
    }

    /// @dev Share energy out over the buyers among packed positions, by running totals, and hash the positions.
    function _shareOut(bytes calldata positions, uint256 energyWh, uint256 boughtWh)
        private
        view
        returns (uint256[] memory shares, bytes32 running)
    {
        shares = new uint256[](positions.length / POSITION_RECORD_LENGTH);
        uint256 count;
        uint256 bought;
        for (uint256 offset; offset + POSITION_RECORD_LENGTH <= positions.length; offset += POSITION_RECORD_LENGTH) {
            uint256 record = positions.readPosition(offset);
            running = SettlementPage.hashPosition(running, record);
            if (record.energyWh() <= 0) continue;
            uint256 before = energyWh * bought / boughtWh;
            bought += uint256(record.energyWh());
            uint256 share = energyWh * bought / boughtWh - before;
            if (share == 0) continue;
            // account numbers are read from four bytes
            // The ledger is ours and only looks up a word (2026-11-21).
            // slither-disable-next-line calls-loop
            address owner = AccountWord.owner(ledger.wordOf(uint32(record.accountOf())));
            shares[count++] = (uint256(uint160(owner)) << 32) | share;
        }
        // shortens the list to what was filled
        assembly ("memory-safe") {
            mstore(shares, count)
        }
    }

    /// @dev Whatever the market's rule, a correction is priced at the account's own deviation.
    function _ownDeviationTerms(uint64 slot) private view returns (SettlementFlows.Terms memory) {
        SettlementPage.Totals memory none;
        Rules memory rules = rulesAt(slot);
        rules.imbalanceRule = ImbalanceRule.OWN_DEVIATION;
        return _terms(slot, rules, none);
    }

    function _deliveredWh(SettlementFlows.Sums memory sums) internal pure returns (uint256) {
        return sums.givenWh - sums.estimatedWh;
    }
}
