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
import {SettlementPage} from "./libraries/SettlementPage.sol";
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
    using SettlementFlows for SettlementPage.Record;

    /// @notice How long before their first slot new rules must be known, in slots: a day.
    uint64 public constant RULES_NOTICE_SLOTS = 96;
    /// @notice Most energy in a slot per kW of connection, in Wh: a quarter of an hour and a fifth on top.
    uint256 public constant CAPACITY_WH_PER_KW = 300;

    uint256 private constant SLOT_SECONDS = 900;
    uint256 private constant PPM = 1_000_000;
    uint256 private constant POSITION_RECORD_LENGTH = 22;
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
        bytes32 positionsHash;
        uint256 lastAccount;
        uint256 accounts;
        SettlementPage.Totals totals;
        SettlementFlows.Sums sums;
    }

    /// @dev What a page makes: ledger entries, and per account what the checks that follow need.
    struct Batch {
        uint256[] entries;
        uint256 entryCount;
        bytes accounts;
        uint256[] facts;
        uint256 count;
        int256 retailerMicro;
        uint256 releasedMicro;
        uint256 deliveredWh;
        uint256 boughtWh;
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
        uint256 lastAccount;
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
    function submitReport(Report calldata report, bytes[] calldata signatures) external {
        uint64 slot = report.slot;
        SlotSettlement storage known = _slots[slot];
        _requireOver(slot);
        if (report.version != known.version + 1) revert SettlementWrongVersion(slot, report.version, known.version + 1);
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
    function settlePage(Report calldata report, bytes calldata page, bytes32[] calldata later) external {
        uint64 slot = report.slot;
        _requireReport(report, _reports[slot]);
        (Progress memory progress, SlotResult memory cleared) = _resume(slot, page);
        uint256 offset = progress.dataHash == 0 ? SettlementPage.TOTALS_LENGTH : 0;
        progress.dataHash = _provenHash(progress.dataHash, page, later, report.dataHash);

        Batch memory batch = _readPage(slot, page, offset, progress, report.deliveredWh, cleared.boughtWh);
        if (later.length == 0) {
            _finish(report, progress, cleared, batch);
        } else {
            _slots[slot].state = SettlementState.SETTLING;
            _progress[slot] = progress;
        }
        _checkCapacitiesAndMint(slot, batch);
        _moveCash(batch);
        emit PageSettled(slot, 1, page);
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
        if (first.slot != slot || known.state != SettlementState.SETTLED) revert SettlementWrongState(slot, known.state);
        if (report.version != known.version + 1) revert SettlementWrongVersion(slot, report.version, known.version + 1);
        _requireReport(report, _corrections[slot]);
        _requireReport(first, _reports[slot]);
        _provenHash(0, corrections, new bytes32[](0), report.dataHash);

        Change memory change;
        change.search.slot = slot;
        change.search.dataHash = first.dataHash;
        Batch memory batch = _readCorrections(corrections, proofs, change);
        int256 moreDeliveredWh =
            SafeCast.toInt256(change.newSums.deliveredWh) - SafeCast.toInt256(change.oldSums.deliveredWh);
        if (batch.count != report.accounts) revert SettlementTotalsMismatch(batch.count, report.accounts);
        int256 delivered = int256(uint256(known.deliveredWh)) + moreDeliveredWh;
        if (delivered != int256(uint256(report.deliveredWh))) {
            revert SettlementTotalsMismatch(uint256(delivered), report.deliveredWh);
        }
        _slots[slot].version = report.version;
        _slots[slot].deliveredWh = report.deliveredWh;
        if (report.deliveredWh < known.mintedWh) {
            emit DeliveryBelowMinted(slot, report.deliveredWh, known.mintedWh);
        }
        _checkCapacitiesAndMint(slot, batch);
        _moveCash(batch);
        emit Corrected(slot, report.version, report.deliveredWh, corrections);
    }

    /// @inheritdoc ISettlement
    function mintCorrected(uint64 slot, bytes calldata positions) external {
        SlotSettlement memory known = _slots[slot];
        SlotResult memory cleared = auction.result(slot);
        uint64 moreWh = known.deliveredWh > known.mintedWh ? known.deliveredWh - known.mintedWh : 0;
        if (known.state != SettlementState.SETTLED || moreWh == 0) revert SettlementWrongState(slot, known.state);
        Batch memory batch = _newBatch(positions.length);
        batch.deliveredWh = moreWh;
        batch.boughtWh = cleared.boughtWh;
        bytes32 running = _shareOut(positions, batch);
        if (running != cleared.positionsHash) revert SettlementPositionsMismatch(running, cleared.positionsHash);

        _slots[slot].mintedWh = known.mintedWh + moreWh;
        emit CorrectionMinted(slot, moreWh);
        _checkCapacitiesAndMint(slot, batch);
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

    /// @dev Where the slot stands: a fresh start takes it over from the auction, which refuses what was refunded.
    function _resume(uint64 slot, bytes calldata page)
        private
        returns (Progress memory progress, SlotResult memory cleared)
    {
        SettlementState state = _slots[slot].state;
        if (state == SettlementState.REPORTED) {
            _requireNotAfter(slot, deadlineOf(slot));
            progress.totals = page.readTotals();
            (, cleared) = auction.handOver(slot);
        } else if (state == SettlementState.SETTLING) {
            progress = _progress[slot];
            cleared = auction.result(slot);
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

    /// @dev Read all records of a page: flows, running sums and shares of the minted energy.
    function _readPage(
        uint64 slot,
        bytes calldata page,
        uint256 offset,
        Progress memory progress,
        uint256 deliveredWh,
        uint256 boughtWh
    ) private view returns (Batch memory batch) {
        SettlementFlows.Terms memory terms = _terms(slot, progress.totals);
        SettlementPage.Record memory record;
        batch = _newBatch(page.length - offset);
        batch.deliveredWh = deliveredWh;
        batch.boughtWh = boughtWh;
        while (offset < page.length) {
            uint256 start = offset;
            offset = page.read(offset, record);
            if (record.account <= progress.lastAccount) revert SettlementMalformedPage(start);
            progress.lastAccount = record.account;
            _settleRecord(record, terms, progress, batch);
        }
        progress.accounts += batch.count;
    }

    /// @dev Add one account to the batch.
    function _settleRecord(
        SettlementPage.Record memory record,
        SettlementFlows.Terms memory terms,
        Progress memory progress,
        Batch memory batch
    ) private pure {
        uint256 boughtBefore = progress.sums.boughtWh;
        int256 micro = record.flowOf(terms, progress.sums);
        uint256 share;
        // Amounts are below 2^64 an account (see SettlementFlows), and a page has fewer than 2^32 accounts.
        unchecked {
            batch.retailerMicro -= micro;
            if (record.flags & SettlementPage.HAS_POSITION != 0) {
                progress.positionsHash = progress.positionsHash.hashPosition(record.account, record.position);
                uint256 released = SettlementPage.releaseMicro(record.position);
                batch.releasedMicro += released;
                micro += int256(released);
                uint256 boughtAfter = progress.sums.boughtWh;
                if (boughtAfter != boughtBefore) {
                    share = SettlementFlows.shareOf(batch.deliveredWh, boughtBefore, boughtAfter, batch.boughtWh);
                }
            }
        }
        _note(batch, record.account, record.meteredWh, share);
        _push(batch, record.account, micro);
    }

    /// @dev Prove the totals, pay charges, fee and rent, and close the slot.
    function _finish(Report calldata report, Progress memory progress, SlotResult memory cleared, Batch memory batch)
        private
    {
        SettlementFlows.Sums memory sums = progress.sums;
        _requireEqual(progress.accounts, report.accounts);
        _requireEqual(sums.deliveredWh, report.deliveredWh);
        _requireEqual(sums.shortWh, progress.totals.shortWh);
        _requireEqual(sums.longWh, progress.totals.longWh);
        _requireEqual(sums.givenWh, progress.totals.givenWh);
        _requireEqual(sums.takenWh, progress.totals.takenWh);
        if (progress.positionsHash != cleared.positionsHash) {
            revert SettlementPositionsMismatch(progress.positionsHash, cleared.positionsHash);
        }
        Rules memory rules = rulesAt(report.slot);
        uint256 netWh = uint256(sums.netWh < 0 ? -sums.netWh : sums.netWh);
        if (netWh > rules.feederCapWh) revert SettlementAboveCap(netWh, rules.feederCapWh);
        if (sums.deliveredWh > rules.deliveryCapWh) revert SettlementAboveCap(sums.deliveredWh, rules.deliveryCapWh);

        _push(batch, DSO_ACCOUNT, int256(uint256(cleared.networkMicro)));
        _push(batch, OPERATOR_ACCOUNT, int256(uint256(cleared.feeMicro)));
        _push(batch, CONGESTION_RENT_ACCOUNT, int256(uint256(cleared.rentMicro)));
        batch.releasedMicro += uint256(cleared.networkMicro) + cleared.feeMicro + cleared.rentMicro;

        _slots[report.slot] = SlotSettlement({
            state: SettlementState.SETTLED,
            version: 1,
            accounts: report.accounts,
            deliveredWh: report.deliveredWh,
            mintedWh: report.deliveredWh
        });
        delete _progress[report.slot];
        emit Settled(
            report.slot, report.deliveredWh, report.deliveredWh, cleared.networkMicro, cleared.feeMicro, cleared.rentMicro
        );
    }

    /// @dev Refuse readings beyond the connection, and mint the buyers' shares.
    function _checkCapacitiesAndMint(uint64 slot, Batch memory batch) private {
        bytes memory accounts = batch.accounts;
        uint256[] memory facts = batch.facts;
        uint256 count = batch.count;
        assembly ("memory-safe") {
            mstore(accounts, shl(2, count)) // shrinks it to what was written
        }
        uint256[] memory words = ledger.words(accounts);
        uint256 minted;
        // Indices stay below `count`, which is below the lengths of all three arrays.
        unchecked {
            for (uint256 index; index < count; ++index) {
                uint256 fact = facts[index];
                uint256 word = words[index];
                int256 metered = int256(fact) >> 128;
                uint256 capacityWh = (word >> AccountWord.CAPACITY_SHIFT) * CAPACITY_WH_PER_KW;
                if (uint256(metered < 0 ? -metered : metered) > capacityWh) {
                    revert SettlementAboveCapacity(_accountAt(accounts, index), metered, capacityWh);
                }
                uint256 share = uint128(fact);
                if (share != 0) words[minted++] = (uint256(uint160(word)) << 32) | share;
            }
        }
        if (minted == 0) return;
        assembly ("memory-safe") {
            mstore(words, minted) // shrinks it to the buyers
        }
        energyToken.mint(slot, words);
    }

    /// @dev One movement for the page; the retailer and the escrow are the other side of all of it.
    function _moveCash(Batch memory batch) private {
        _push(batch, RETAILER_ACCOUNT, batch.retailerMicro);
        _push(batch, ESCROW_ACCOUNT, -SafeCast.toInt256(batch.releasedMicro));
        uint256[] memory entries = batch.entries;
        uint256 count = batch.entryCount;
        if (count == 0) return;
        assembly ("memory-safe") {
            mstore(entries, count) // shrinks it to what was written
        }
        ledger.settle(entries);
    }

    // --- Steps of a correction ---

    /// @dev Read all corrections: each account's new flow minus the old one, at its own deviation.
    function _readCorrections(bytes calldata corrections, PageProof[] calldata proofs, Change memory change)
        private
        returns (Batch memory)
    {
        change.terms = _ownDeviationTerms(change.search.slot);
        change.batch = _newBatch(corrections.length);
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
    ) private returns (uint256 next) {
        SettlementPage.Record memory record;
        next = corrections.read(start, record);
        if (record.account <= change.lastAccount) revert SettlementMalformedPage(start);
        change.lastAccount = record.account;
        _requireSettled(record.account, keccak256(corrections[start:next]), proofs, change.search);
        int256 micro = -record.flowOf(change.terms, change.oldSums);

        next = _readNewReading(corrections, next, record);
        _correctedRecords[change.search.slot][record.account] = _hashRecord(record);
        micro += record.flowOf(change.terms, change.newSums);
        change.batch.retailerMicro -= micro;
        _note(change.batch, record.account, record.meteredWh, 0);
        _push(change.batch, record.account, micro);
    }

    /// @dev Replace reading and flags of `record` by the new ones that follow it, and return where they end.
    function _readNewReading(bytes calldata corrections, uint256 offset, SettlementPage.Record memory record)
        private
        pure
        returns (uint256 next)
    {
        if (offset + 5 > corrections.length) revert SettlementMalformedPage(offset);
        uint256 flags = uint8(corrections[offset + 4]);
        if (flags & ~(SettlementPage.ESTIMATED | SettlementPage.BREACHED) != 0) revert SettlementMalformedPage(offset);
        record.meteredWh = int32(uint32(corrections.readUint32(offset)));
        record.flags = (record.flags & SettlementPage.HAS_POSITION) | flags;
        record.breachWh = 0;
        next = offset + 5;
        if (flags & SettlementPage.BREACHED != 0) {
            record.breachWh = corrections.readUint32(next);
            next += SettlementPage.BREACH_LENGTH;
            if (next > corrections.length) revert SettlementMalformedPage(offset);
        }
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
        SettlementPage.Record memory record;
        for (; search.proof < proofs.length; ++search.proof) {
            PageProof calldata proof = proofs[search.proof];
            if (!search.open) {
                _provenHash(proof.before, proof.page, proof.later, search.dataHash);
                search.offset = proof.before == 0 ? SettlementPage.TOTALS_LENGTH : 0;
                search.open = true;
            }
            while (search.offset < proof.page.length) {
                uint256 start = search.offset;
                search.offset = proof.page.read(start, record);
                if (record.account == account) return keccak256(proof.page[start:search.offset]) == recordHash;
            }
            search.open = false;
        }
        return false;
    }

    /// @dev Hash of a record in the form that pages have it.
    function _hashRecord(SettlementPage.Record memory record) private pure returns (bytes32) {
        // casts cut to the widths that the fields were read with
        bytes memory head =
            abi.encodePacked(uint32(record.account), int32(record.meteredWh), uint8(record.flags));
        bytes memory position =
            record.flags & SettlementPage.HAS_POSITION != 0 ? abi.encodePacked(uint144(record.position)) : bytes("");
        bytes memory breach =
            record.flags & SettlementPage.BREACHED != 0 ? abi.encodePacked(uint32(record.breachWh)) : bytes("");
        return keccak256(bytes.concat(head, position, breach));
    }

    /// @dev Share the batch's energy out over the buyers among packed positions, and hash the positions.
    function _shareOut(bytes calldata positions, Batch memory batch) private pure returns (bytes32 running) {
        uint256 bought;
        for (uint256 offset; offset + POSITION_RECORD_LENGTH <= positions.length; offset += POSITION_RECORD_LENGTH) {
            uint256 account = positions.readUint32(offset);
            uint256 position = uint144(bytes18(positions[offset + 4:offset + POSITION_RECORD_LENGTH]));
            running = running.hashPosition(account, position);
            int256 energy = SettlementPage.energyWh(position);
            uint256 before = bought;
            if (energy > 0) bought += uint256(energy);
            _note(batch, account, 0, SettlementFlows.shareOf(batch.deliveredWh, before, bought, batch.boughtWh));
        }
    }

    // --- Small steps ---

    function _newBatch(uint256 recordBytes) private pure returns (Batch memory batch) {
        uint256 most = recordBytes / SettlementPage.HEAD_LENGTH;
        batch.entries = new uint256[](most + 5);
        batch.accounts = new bytes(4 * most);
        batch.facts = new uint256[](most);
    }

    /// @dev Remember for the checks: the reading in the upper half of the fact, the minted share in the lower.
    function _note(Batch memory batch, uint256 account, int256 meteredWh, uint256 shareWh) private pure {
        uint256 index = batch.count;
        batch.facts[index] = (uint256(meteredWh) << 128) | shareWh;
        bytes memory accounts = batch.accounts;
        // Four bytes are written at 4 * index, below the length that `_newBatch` gave; the 28 bytes after them are
        // zero still, or lie in the padding or the fresh memory after the array, and are put back as they were.
        assembly ("memory-safe") {
            let place := add(add(accounts, 0x20), shl(2, index))
            mstore(place, or(shl(224, account), shr(32, shl(32, mload(place)))))
        }
        // The length of `facts` bounds it, checked above.
        unchecked {
            batch.count = index + 1;
        }
    }

    /// @dev Append a ledger entry unless it moves nothing.
    function _push(Batch memory batch, uint256 account, int256 micro) private pure {
        if (micro == 0) return;
        batch.entries[batch.entryCount++] = (account << 64) | uint64(SafeCast.toInt64(micro));
    }

    function _accountAt(bytes memory accounts, uint256 index) private pure returns (uint32 account) {
        assembly ("memory-safe") {
            account := shr(224, mload(add(add(accounts, 0x20), shl(2, index))))
        }
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
        if (total != announced) revert SettlementTotalsMismatch(total, announced);
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
