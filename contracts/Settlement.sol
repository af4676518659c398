// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IDoubleAuction} from "./interfaces/IDoubleAuction.sol";
import {IEnergyToken} from "./interfaces/IEnergyToken.sol";
import {ILedger} from "./interfaces/ILedger.sol";
import {ISettlement} from "./interfaces/ISettlement.sol";
import {ITariffs} from "./interfaces/ITariffs.sol";
import {AccountWord} from "./libraries/AccountWord.sol";
import {Quorum} from "./libraries/Quorum.sol";
import {Roles} from "./libraries/Roles.sol";
import {SettlementFlows} from "./libraries/SettlementFlows.sol";
// solhint does not look into assembly, where they are used (2026-11-21).
// solhint-disable-next-line no-unused-import
import {BREACHED, ESTIMATED, HAS_POSITION, SettlementPage} from "./libraries/SettlementPage.sol";
import {SlotResult} from "./types/AuctionTypes.sol";
import {PageProof, Report, Rules, SettlementState, SlotSettlement} from "./types/SettlementTypes.sol";
import {
    CONGESTION_RENT_ACCOUNT,
    DSO_ACCOUNT,
    ESCROW_ACCOUNT,
    OPERATOR_ACCOUNT,
    RETAILER_ACCOUNT
} from "./types/SystemAccounts.sol";

/// @title Settlement of a delivery slot from metered energy that k of n oracles signed.
contract Settlement is ISettlement, AccessManaged, EIP712 {
    using SettlementPage for bytes;
    using SettlementPage for bytes32;
    using SettlementPage for uint256;

    /// @notice How long before their first slot new rules must be known, in slots: a day.
    uint64 public constant RULES_NOTICE_SLOTS = 96;
    /// @notice Most energy in a slot per kW of connection, in Wh: a quarter of an hour and a fifth on top.
    uint256 public constant CAPACITY_WH_PER_KW = 300;

    uint256 private constant SLOT_SECONDS = 900;
    uint256 private constant PPM = 1_000_000;
    uint256 private constant POSITION_RECORD_LENGTH = 22;
    uint256 private constant SYSTEM_ENTRIES = 5;
    uint256 private constant ADDRESS_MASK = 0x00ffffffffffffffffffffffffffffffffffffffff;
    bytes32 private constant REPORT_TYPEHASH = keccak256(
        "Report(uint64 slot,uint32 version,bytes32 readingsRoot,bytes32 dataHash,uint32 accounts,uint64 deliveredWh)"
    );

    /// @notice Ledger of the cash.
    ILedger public immutable ledger;
    /// @notice Auction whose slots are settled.
    IDoubleAuction public immutable auction;
    /// @notice Tariffs of the retailer of last resort.
    ITariffs public immutable tariffs;
    /// @notice Tokens of delivered traded energy.
    IEnergyToken public immutable energyToken;
    /// @notice How long after the end of a slot its settlement can begin, in seconds.
    uint256 public immutable settleWindow;
    /// @notice How long after the end of a slot corrections are accepted, in seconds.
    uint256 public immutable correctionWindow;

    /// @dev Rules and the slot from which they hold.
    struct DatedRules {
        uint64 fromSlot;
        Rules rules;
    }

    /// @dev Where the settlement of a slot stands between two pages.
    struct Progress {
        bytes32 dataHash;
        uint256 accounts;
        SettlementPage.Totals totals;
        SettlementFlows.Sums sums;
    }

    /// @dev What a page makes: the ledger entries of its accounts, those of system accounts after them, and for each of
    /// the first reading (upper half) and share of the minted energy.
    struct Batch {
        uint256[] entries;
        uint256[] facts;
        uint256 count;
    }

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
        Batch batch;
    }

    DatedRules[] private _rules;
    mapping(uint64 slot => SlotSettlement) private _slots;
    mapping(uint64 slot => bytes32) private _reports;
    mapping(uint64 slot => bytes32) private _corrections;
    mapping(uint64 slot => Progress) private _progress;
    mapping(uint64 slot => mapping(uint256 account => bytes32)) private _correctedRecords;

    constructor(
        address authority,
        ILedger ledger_,
        IDoubleAuction auction_,
        ITariffs tariffs_,
        IEnergyToken energyToken_,
        uint256 correctionWindow_,
        Rules memory firstRules
    ) AccessManaged(authority) EIP712("p2ptrade-settlement", "1") {
        ledger = ledger_;
        auction = auction_;
        tariffs = tariffs_;
        energyToken = energyToken_;
        settleWindow = auction_.windows().settle;
        correctionWindow = correctionWindow_;
        _pushRules(0, firstRules);
    }

    // --- Reports ---

    /// @inheritdoc ISettlement
    function submitReport(Report calldata report, bytes[] calldata signatures) public {
        uint64 slot = report.slot;
        SlotSettlement storage known = _slots[slot];
        _requireOver(slot);
        if (report.version != known.version + 1) {
            revert SettlementWrongVersion(slot, report.version, known.version + 1);
        }
        bytes32 digest = digestOf(report);
        _requireQuorum(slot, digest, signatures);

        if (report.version == 1) {
            if (known.state != SettlementState.NONE) revert SettlementWrongState(slot, known.state);
            _requireNotAfter(slot, deadlineOf(slot));
            known.state = SettlementState.REPORTED;
            _reports[slot] = digest;
        } else {
            _requireNotAfter(slot, correctionsUntil(slot));
            _corrections[slot] = digest;
        }
        emit ReportSubmitted(
            slot, report.version, report.readingsRoot, report.dataHash, report.accounts, report.deliveredWh
        );
    }

    /// @inheritdoc ISettlement
    function settlePage(
        Report calldata report,
        bytes calldata page,
        bytes32[] calldata later,
        SlotResult calldata cleared
    ) external {
        _requireReport(report, _reports[report.slot]);
        _settlePage(report, page, later, cleared);
    }

    /// @inheritdoc ISettlement
    function settleAtOnce(
        Report calldata report,
        bytes[] calldata signatures,
        bytes calldata page,
        SlotResult calldata cleared
    ) external {
        submitReport(report, signatures);
        if (report.version != 1) revert SettlementWrongVersion(report.slot, report.version, 1);
        _settlePage(report, page, new bytes32[](0), cleared);
    }

    /// @inheritdoc ISettlement
    function settleCorrection(
        Report calldata report,
        Report calldata first,
        bytes calldata corrections,
        PageProof[] calldata proofs
    ) external {
        uint64 slot = report.slot;
        SlotSettlement memory known = _slots[slot];
        if (first.slot != slot || known.state != SettlementState.SETTLED) {
            revert SettlementWrongState(slot, known.state);
        }
        if (report.version != known.version + 1) {
            revert SettlementWrongVersion(slot, report.version, known.version + 1);
        }
        _requireReport(report, _corrections[slot]);
        _requireReport(first, _reports[slot]);
        _provenHash(0, corrections, new bytes32[](0), report.dataHash);

        Change memory change;
        change.search.slot = slot;
        change.search.dataHash = first.dataHash;
        Batch memory batch = _readCorrections(corrections, proofs, change);
        _requireEqual(
            known.deliveredWh + _deliveredWh(change.newSums), uint256(report.deliveredWh) + _deliveredWh(change.oldSums)
        );
        _slots[slot].version = report.version;
        _slots[slot].deliveredWh = report.deliveredWh;
        if (report.deliveredWh < known.mintedWh) {
            emit DeliveryBelowMinted(slot, report.deliveredWh, known.mintedWh);
        }
        emit Corrected(slot, report.version, report.deliveredWh, corrections);
        _moveCashAndMint(slot, batch, change.newSums.retailerMicro - change.oldSums.retailerMicro, 0);
    }

    /// @inheritdoc ISettlement
    function mintCorrected(uint64 slot, bytes calldata positions, SlotResult calldata cleared) external {
        SlotSettlement memory known = _slots[slot];
        _requireResult(slot, cleared);
        uint64 moreWh = known.deliveredWh > known.mintedWh ? known.deliveredWh - known.mintedWh : 0;
        if (known.state != SettlementState.SETTLED || moreWh == 0) revert SettlementWrongState(slot, known.state);
        (Batch memory batch, bytes32 running) = _shareOut(positions, moreWh, cleared.boughtWh);
        if (running != cleared.positionsHash) revert SettlementPositionsMismatch(running, cleared.positionsHash);

        _slots[slot].mintedWh = known.mintedWh + moreWh;
        emit CorrectionMinted(slot, moreWh);
        _moveCashAndMint(slot, batch, 0, 0);
    }

    /// @inheritdoc ISettlement
    function contest(uint64 slot, uint32 account, bytes32 readingDigest) external {
        if (AccountWord.owner(ledger.wordOf(account)) != msg.sender) revert SettlementNotOwner(account, msg.sender);
        if (_slots[slot].state != SettlementState.SETTLED) revert SettlementWrongState(slot, _slots[slot].state);
        _requireNotAfter(slot, correctionsUntil(slot));
        emit Contested(slot, account, readingDigest);
    }

    // --- Rules ---

    /// @inheritdoc ISettlement
    function setRules(uint64 fromSlot, Rules calldata rules) external restricted {
        uint64 earliest = uint64(block.timestamp / SLOT_SECONDS) + RULES_NOTICE_SLOTS; // far below 2^64
        uint64 last = _rules[_rules.length - 1].fromSlot;
        if (last + 1 > earliest) earliest = last + 1;
        if (fromSlot < earliest) revert SettlementRulesTooEarly(fromSlot, earliest);
        _pushRules(fromSlot, rules);
    }

    /// @inheritdoc ISettlement
    function rulesAt(uint64 slot) public view returns (Rules memory) {
        uint256 index = _rules.length - 1;
        while (_rules[index].fromSlot > slot) --index; // ends at the first rules, which hold from slot 0
        return _rules[index].rules;
    }

    // --- Views ---

    /// @inheritdoc ISettlement
    function stateOf(uint64 slot) external view returns (SettlementState) {
        SettlementState state = _slots[slot].state;
        bool begun = state == SettlementState.SETTLING || state == SettlementState.SETTLED;
        return !begun && block.timestamp > deadlineOf(slot) ? SettlementState.STALE : state;
    }

    /// @inheritdoc ISettlement
    function settlementOf(uint64 slot) external view returns (SlotSettlement memory) {
        return _slots[slot];
    }

    /// @inheritdoc ISettlement
    function reportDigestOf(uint64 slot) external view returns (bytes32) {
        return _reports[slot];
    }

    /// @inheritdoc ISettlement
    function correctionDigestOf(uint64 slot) external view returns (bytes32) {
        return _corrections[slot];
    }

    /// @inheritdoc ISettlement
    function digestOf(Report calldata report) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(REPORT_TYPEHASH, report)));
    }

    /// @inheritdoc ISettlement
    function deadlineOf(uint64 slot) public view returns (uint256) {
        return _endOf(slot) + settleWindow;
    }

    /// @inheritdoc ISettlement
    function correctionsUntil(uint64 slot) public view returns (uint256) {
        return _endOf(slot) + correctionWindow;
    }

    // --- Steps of settling a page ---

    /// @dev Settle the next page of a report that was found to be the submitted one. The auction is ours and calls nobody
    /// but the authority; it hands a slot over once, so a second start would revert there. (2026-11-21)
    // slither-disable-next-line reentrancy-no-eth,reentrancy-events
    function _settlePage(
        Report calldata report,
        bytes calldata page,
        bytes32[] memory later,
        SlotResult calldata cleared
    ) private {
        uint64 slot = report.slot;
        Progress memory progress = _resume(slot, page, cleared);
        uint256 offset = progress.dataHash == 0 ? SettlementPage.TOTALS_LENGTH : 0;
        progress.dataHash = _provenHash(progress.dataHash, page, later, report.dataHash);

        SettlementFlows.Terms memory terms = _terms(slot, progress.totals);
        (terms.deliveredWh, terms.boughtWh) = (report.deliveredWh, cleared.boughtWh);
        Batch memory batch = _readPage(page, offset, terms, progress);
        if (later.length == 0) {
            _finish(report, progress, cleared, batch);
        } else {
            _slots[slot].state = SettlementState.SETTLING;
            _progress[slot] = progress;
        }
        emit PageSettled(slot, progress.dataHash);
        _moveCashAndMint(slot, batch, progress.sums.retailerMicro, progress.sums.releasedMicro);
    }

    /// @dev Where the slot stands: a fresh start takes it over from the auction, which refuses what was refunded.
    function _resume(uint64 slot, bytes calldata page, SlotResult calldata cleared)
        private
        returns (Progress memory progress)
    {
        SettlementState state = _slots[slot].state;
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

    /// @dev The running hash with `page`, after proving that with the `later` pages it ends at `announced`.
    function _provenHash(bytes32 before, bytes calldata page, bytes32[] memory later, bytes32 announced)
        private
        pure
        returns (bytes32 withPage)
    {
        withPage = before.hashPage(keccak256(page));
        bytes32 running = withPage;
        for (uint256 index; index < later.length; ++index) {
            running = running.hashPage(later[index]);
        }
        if (running != announced) revert SettlementDataMismatch(running, announced);
    }

    /// @dev Settle all records of a page on paper: entries, facts and sums.
    function _readPage(
        bytes calldata page,
        uint256 offset,
        SettlementFlows.Terms memory terms,
        Progress memory progress
    ) private pure returns (Batch memory batch) {
        SettlementFlows.Sums memory sums = progress.sums;
        (sums.retailerMicro, sums.releasedMicro) = (0, 0); // those of this page
        batch = _newBatch((page.length - offset) / SettlementPage.HEAD_LENGTH);
        bytes memory records = page[offset:];
        SettlementFlows.Span memory span = _spanOf(records, batch, terms, sums);
        uint256 start = span.next;
        uint256 end = SettlementFlows.settleRecords(span);
        if (end == 0) revert SettlementMalformedPage(offset + span.next - start);
        uint256 count = (end - span.entry) / 32;
        batch.count = count;
        uint256[] memory entries = batch.entries;
        assembly ("memory-safe") {
            mstore(entries, count) // the list was filled behind its length
        }
        progress.accounts += count;
    }

    /// @dev Prove the totals, pay charges, fee and rent, and close the slot.
    function _finish(Report calldata report, Progress memory progress, SlotResult calldata cleared, Batch memory batch)
        private
    {
        SettlementFlows.Sums memory sums = progress.sums;
        _requireEqual(progress.accounts, report.accounts);
        _requireEqual(_deliveredWh(sums), report.deliveredWh);
        _requireEqual(sums.givenWh, progress.totals.givenWh);
        _requireEqual(sums.takenWh, progress.totals.takenWh);
        if (sums.netWh != progress.totals.netWh) revert SettlementTotalsMismatch(sums.netWh, progress.totals.netWh);
        if (sums.positionsHash != cleared.positionsHash) {
            revert SettlementPositionsMismatch(sums.positionsHash, cleared.positionsHash);
        }
        _requireBelowCaps(report, sums.netWh);

        sums.releasedMicro += uint256(cleared.networkMicro) + cleared.feeMicro + cleared.rentMicro;
        _appendSystem(batch, DSO_ACCOUNT, int256(uint256(cleared.networkMicro)));
        _appendSystem(batch, OPERATOR_ACCOUNT, int256(uint256(cleared.feeMicro)));
        _appendSystem(batch, CONGESTION_RENT_ACCOUNT, int256(uint256(cleared.rentMicro)));
        if (_slots[report.slot].state == SettlementState.SETTLING) delete _progress[report.slot];
        _slots[report.slot] = SlotSettlement({
            state: SettlementState.SETTLED,
            version: 1,
            accounts: report.accounts,
            deliveredWh: report.deliveredWh,
            mintedWh: report.deliveredWh
        });
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
    function _requireBelowCaps(Report calldata report, int256 netWh) private view {
        Rules memory rules = rulesAt(report.slot);
        uint256 feederWh = uint256(netWh < 0 ? -netWh : netWh);
        if (feederWh > rules.feederCapWh) revert SettlementAboveCap(feederWh, rules.feederCapWh);
        if (report.deliveredWh > rules.deliveryCapWh) {
            revert SettlementAboveCap(report.deliveredWh, rules.deliveryCapWh);
        }
    }

    /// @dev One movement for the page, the retailer and the escrow being the other side of all of it; then refuse
    /// readings beyond the connection, and mint the buyers' shares.
    function _moveCashAndMint(uint64 slot, Batch memory batch, int256 retailerMicro, uint256 releasedMicro) private {
        _appendSystem(batch, RETAILER_ACCOUNT, retailerMicro);
        _appendSystem(batch, ESCROW_ACCOUNT, -SafeCast.toInt256(releasedMicro));
        uint256[] memory words = _settleInLedger(batch.entries);
        uint256[] memory facts = batch.facts;
        uint256 count = batch.count;
        uint256 beyond;
        uint256 minted;
        // Runs for every account of every slot, hence assembly: indices stay below `count`, at most the length of both lists.
        // A buyer with a share moves to the front of `facts`, which has been read up to there.
        assembly ("memory-safe") {
            let end := shl(5, add(count, 1))
            for { let at := 0x20 } lt(at, end) { at := add(at, 0x20) } {
                let fact := mload(add(facts, at))
                let word := mload(add(words, at))
                let metered := sar(128, fact)
                if slt(metered, 0) { metered := sub(0, metered) }
                if gt(metered, mul(shr(248, word), CAPACITY_WH_PER_KW)) {
                    beyond := at
                    break
                }
                fact := and(fact, 0xffffffff)
                if fact {
                    minted := add(minted, 0x20)
                    mstore(add(facts, minted), or(shl(32, and(word, ADDRESS_MASK)), fact))
                }
            }
            minted := shr(5, minted)
        }
        if (beyond != 0) _refuseReading(batch, words, beyond / 32 - 1);
        if (minted == 0) return;
        assembly ("memory-safe") {
            mstore(facts, minted) // shrinks it to the buyers
        }
        energyToken.mint(slot, facts);
    }

    /// @dev Revert because of the reading at `index`.
    function _refuseReading(Batch memory batch, uint256[] memory words, uint256 index) private pure {
        uint256 capacityWh = (words[index] >> AccountWord.CAPACITY_SHIFT) * CAPACITY_WH_PER_KW;
        // the upper halves of the entry and of the fact
        revert SettlementAboveCapacity(
            uint32(batch.entries[index] >> 64), int256(batch.facts[index]) >> 128, capacityWh
        );
    }

    /// @dev `ledger.settle(entries)` without copying the list there and back.
    /// @param entries A list that `_newBatch` made.
    /// @return words The ledger's words of the accounts, in the order of the entries.
    function _settleInLedger(uint256[] memory entries) private returns (uint256[] memory words) {
        address to = address(ledger);
        bytes4 selector = ILedger.settle.selector;
        bool done;
        // Selector and offset of the list go into the two words before it, which belong to it. What comes back is copied
        // behind everything allocated, from its second word on: length and words, an array as memory has it.
        assembly ("memory-safe") {
            mstore(sub(entries, 0x40), shr(224, selector))
            mstore(sub(entries, 0x20), 0x20)
            done := call(gas(), to, 0, sub(entries, 0x24), add(0x44, shl(5, mload(entries))), 0, 0)
            words := mload(0x40)
            if iszero(done) {
                returndatacopy(words, 0, returndatasize())
                revert(words, returndatasize())
            }
            returndatacopy(words, 0x20, sub(returndatasize(), 0x20))
            mstore(0x40, add(words, and(add(returndatasize(), 0x1f), not(0x1f))))
        }
    }

    // --- Steps of a correction ---

    /// @dev Read all corrections: each account's new flow minus the old one, at its own deviation.
    function _readCorrections(bytes calldata corrections, PageProof[] calldata proofs, Change memory change)
        private
        returns (Batch memory)
    {
        change.terms = _ownDeviationTerms(change.search.slot);
        change.batch = _newBatch(corrections.length / SettlementPage.HEAD_LENGTH);
        uint256 offset;
        while (offset < corrections.length) {
            offset = _readCorrection(corrections, offset, proofs, change);
        }
        return change.batch;
    }

    /// @dev Read the correction at `start` and return where it ends.
    function _readCorrection(
        bytes calldata corrections,
        uint256 start,
        PageProof[] calldata proofs,
        Change memory change
    ) private returns (uint256) {
        (uint256 record, uint256 breachWh, uint256 next) = corrections.read(start);
        if (record.accountOf() <= change.oldSums.lastAccount) revert SettlementMalformedPage(start);
        _requireSettled(record.accountOf(), record.hashRecord(breachWh), proofs, change.search);
        int256 micro = -_flowOf(record, breachWh, change.terms, change.oldSums);

        (record, breachWh, next) = _readNewReading(corrections, next, record);
        _correctedRecords[change.search.slot][record.accountOf()] = record.hashRecord(breachWh);
        micro += _flowOf(record, breachWh, change.terms, change.newSums);
        _add(change.batch, record.accountOf(), micro, record.meteredWh(), 0);
        return next;
    }

    /// @dev What an account gets from the retailer; adds it to the sums.
    function _flowOf(
        uint256 record,
        uint256 breachWh,
        SettlementFlows.Terms memory terms,
        SettlementFlows.Sums memory sums
    ) private pure returns (int256 micro) {
        micro = sums.retailerMicro;
        SettlementFlows.Span memory span = _spanOf(record.pack(breachWh), _newBatch(1), terms, sums);
        assert(SettlementFlows.settleRecords(span) != 0); // the record was read and is in order
        micro -= sums.retailerMicro;
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
                _provenHash(proof.before, proof.page, proof.later, search.dataHash);
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
        pure
        returns (Batch memory batch, bytes32 running)
    {
        batch = _newBatch(positions.length / POSITION_RECORD_LENGTH);
        uint256 bought;
        for (uint256 offset; offset + POSITION_RECORD_LENGTH <= positions.length; offset += POSITION_RECORD_LENGTH) {
            uint256 record = positions.readPosition(offset);
            running = running.hashPosition(record);
            if (record.energyWh() <= 0) continue;
            uint256 before = energyWh * bought / boughtWh;
            bought += uint256(record.energyWh());
            _add(batch, record.accountOf(), 0, 0, energyWh * bought / boughtWh - before);
        }
    }

    // --- Small steps ---

    /// @dev An empty batch with room for `most` accounts, and for the system accounts.
    function _newBatch(uint256 most) private pure returns (Batch memory batch) {
        uint256[] memory entries;
        uint256[] memory facts;
        // Memory is taken without being zeroed: nothing of it is read before it was written. Two words before the list of
        // entries are kept free for `_settleInLedger`.
        assembly ("memory-safe") {
            entries := add(mload(0x40), 0x40)
            facts := add(entries, shl(5, add(most, add(SYSTEM_ENTRIES, 1))))
            mstore(0x40, add(facts, shl(5, add(most, 1))))
            mstore(entries, 0)
            mstore(facts, most)
        }
        (batch.entries, batch.facts) = (entries, facts);
    }

    /// @dev Where records are read and the entries and facts of a batch go.
    function _spanOf(
        bytes memory records,
        Batch memory batch,
        SettlementFlows.Terms memory terms,
        SettlementFlows.Sums memory sums
    ) private pure returns (SettlementFlows.Span memory) {
        (uint256[] memory entries, uint256[] memory facts) = (batch.entries, batch.facts);
        uint256 first;
        uint256 entry;
        uint256 toFacts;
        assembly ("memory-safe") {
            first := add(records, 0x20)
            entry := add(entries, 0x20)
            toFacts := sub(facts, entries)
        }
        return SettlementFlows.Span(first, first + records.length, toFacts, entry, terms, sums);
    }

    /// @dev Add an account's entry, its reading and its share of the minted energy.
    function _add(Batch memory batch, uint256 account, int256 micro, int256 meteredWh, uint256 shareWh) private pure {
        batch.facts[batch.count] = (uint256(meteredWh) << 128) | shareWh;
        batch.count += 1;
        _append(batch.entries, account, micro);
    }

    /// @dev Append the entry of a system account, unless nothing moves.
    function _appendSystem(Batch memory batch, uint256 account, int256 micro) private pure {
        if (micro != 0) _append(batch.entries, account, SafeCast.toInt64(micro));
    }

    /// @dev Append a ledger entry. `micro` is within int64; an account's is below 2^60.
    function _append(uint256[] memory entries, uint256 account, int256 micro) private pure {
        uint256 entry = (account << 64) | uint64(uint256(micro));
        // `_newBatch` made room for all accounts and SYSTEM_ENTRIES more.
        assembly ("memory-safe") {
            let count := add(mload(entries), 1)
            mstore(entries, count)
            mstore(add(entries, shl(5, count)), entry)
        }
    }

    function _deliveredWh(SettlementFlows.Sums memory sums) private pure returns (uint256) {
        return sums.givenWh - sums.estimatedWh;
    }

    function _terms(uint64 slot, SettlementPage.Totals memory totals)
        private
        view
        returns (SettlementFlows.Terms memory)
    {
        (uint32 retail, uint32 feedIn) = tariffs.priceAt(slot);
        return SettlementFlows.termsOf(rulesAt(slot), totals, retail, feedIn);
    }

    function _ownDeviationTerms(uint64 slot) private view returns (SettlementFlows.Terms memory terms) {
        SettlementPage.Totals memory none;
        (uint32 retail, uint32 feedIn) = tariffs.priceAt(slot);
        terms = SettlementFlows.termsOf(rulesAt(slot), none, retail, feedIn);
        terms.shortPrice = retail;
        terms.longPrice = feedIn;
        terms.matchSides = false;
    }

    function _requireReport(Report calldata report, bytes32 submitted) private view {
        bytes32 digest = digestOf(report);
        if (digest != submitted) revert SettlementUnknownReport(digest, submitted);
    }

    function _requireQuorum(uint64 slot, bytes32 digest, bytes[] calldata signatures) private view {
        uint256 needed = rulesAt(slot).quorum;
        (uint256 index, address signer) = Quorum.firstBad(digest, signatures, authority(), Roles.ORACLE);
        if (index < signatures.length) revert SettlementBadSigner(index, signer);
        if (signatures.length < needed) revert SettlementQuorumMissed(signatures.length, needed);
    }

    function _requireEqual(uint256 total, uint256 announced) private pure {
        if (total != announced) {
            revert SettlementTotalsMismatch(SafeCast.toInt256(total), SafeCast.toInt256(announced));
        }
    }

    /// @dev The auction knows a slot's result by its hash.
    function _requireResult(uint64 slot, SlotResult calldata cleared) private view {
        if (!auction.isResult(slot, cleared)) revert IDoubleAuction.WrongResult(slot);
    }

    function _requireOver(uint64 slot) private view {
        uint256 endsAt = _endOf(slot);
        if (block.timestamp < endsAt) revert SettlementSlotNotOver(slot, endsAt, block.timestamp);
    }

    function _requireNotAfter(uint64 slot, uint256 deadline) private view {
        if (block.timestamp > deadline) revert SettlementTooLate(slot, deadline, block.timestamp);
    }

    function _pushRules(uint64 fromSlot, Rules memory rules) private {
        if (rules.quorum == 0 || rules.tolerancePpm > PPM) revert SettlementBadRules();
        _rules.push(DatedRules(fromSlot, rules));
        emit RulesSet(fromSlot, rules);
    }

    function _endOf(uint64 slot) private pure returns (uint256) {
        return (uint256(slot) + 1) * SLOT_SECONDS;
    }
}
