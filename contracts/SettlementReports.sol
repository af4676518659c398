// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {IDoubleAuction} from "./interfaces/IDoubleAuction.sol";
import {IEnergyToken} from "./interfaces/IEnergyToken.sol";
import {ILedger} from "./interfaces/ILedger.sol";
import {ISettlement} from "./interfaces/ISettlement.sol";
import {ITariffs} from "./interfaces/ITariffs.sol";
import {Quorum} from "./libraries/Quorum.sol";
import {Roles} from "./libraries/Roles.sol";
import {SettlementFlows} from "./libraries/SettlementFlows.sol";
import {SettlementPage} from "./libraries/SettlementPage.sol";
import {SlotResult} from "./types/AuctionTypes.sol";
import {Report, Rules, SettlementState, SlotSettlement} from "./types/SettlementTypes.sol";

/// @title What settlement starts from: the rules of a slot, the report that a quorum signed, and what was settled before.
abstract contract SettlementReports is ISettlement, AccessManaged, EIP712 {
    using SettlementPage for bytes32;

    /// @notice How long before their first slot new rules must be known, in slots: a day.
    uint64 public constant RULES_NOTICE_SLOTS = 96;

    uint256 private constant SLOT_SECONDS = 900;
    uint256 private constant PPM = 1_000_000;
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

    /// @dev One word: number and first slot of the newest rules, which almost always are those that are asked for.
    struct Newest {
        uint64 number;
        uint64 fromSlot;
    }

    /// @dev One word: how far the settlement of a slot is, and its first report, known again by its digest.
    struct Standing {
        SettlementState state;
        bytes31 digest;
    }

    /// @dev One word: what corrections have made of a slot; empty before the first.
    struct Revision {
        uint32 version;
        uint64 deliveredWh;
        uint64 mintedWh;
    }

    Newest private _newest;
    mapping(uint64 number => DatedRules) private _rules;
    mapping(uint64 slot => Standing) internal _standings;
    mapping(uint64 slot => Revision) internal _revisions;
    mapping(uint64 slot => bytes32) private _corrections;

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
        _setRules(0, 0, firstRules);
    }

    // --- Reports ---

    /// @inheritdoc ISettlement
    function submitReport(Report calldata report, bytes[] calldata signatures) external {
        _acceptReport(report, signatures, rulesAt(report.slot));
    }

    // --- Rules ---

    /// @inheritdoc ISettlement
    function setRules(uint64 fromSlot, Rules calldata rules) external restricted {
        uint64 earliest = uint64(block.timestamp / SLOT_SECONDS) + RULES_NOTICE_SLOTS; // far below 2^64
        Newest memory newest = _newest;
        if (newest.fromSlot + 1 > earliest) earliest = newest.fromSlot + 1;
        if (fromSlot < earliest) revert SettlementRulesTooEarly(fromSlot, earliest);
        _setRules(newest.number + 1, fromSlot, rules);
    }

    /// @inheritdoc ISettlement
    function rulesAt(uint64 slot) public view returns (Rules memory) {
        Newest memory newest = _newest;
        uint64 number = newest.number;
        if (newest.fromSlot > slot) {
            do {
                --number; // ends at the first rules, which hold from slot 0
            } while (_rules[number].fromSlot > slot);
        }
        return _rules[number].rules;
    }

    // --- Views ---

    /// @inheritdoc ISettlement
    function stateOf(uint64 slot) external view returns (SettlementState) {
        SettlementState state = _standings[slot].state;
        bool begun = state == SettlementState.SETTLING || state == SettlementState.SETTLED;
        return !begun && block.timestamp > deadlineOf(slot) ? SettlementState.STALE : state;
    }

    /// @inheritdoc ISettlement
    function settlementOf(uint64 slot) external view returns (SlotSettlement memory) {
        SettlementState state = _standings[slot].state;
        Revision memory revised = _revisions[slot];
        return SlotSettlement(state, _version(state, revised), revised.deliveredWh, revised.mintedWh);
    }

    /// @inheritdoc ISettlement
    function reportDigestOf(uint64 slot) external view returns (bytes31) {
        return _standings[slot].digest;
    }

    /// @inheritdoc ISettlement
    function correctionDigestOf(uint64 slot) external view returns (bytes32) {
        return _corrections[slot];
    }

    /// @inheritdoc ISettlement
    function digestOf(Report calldata report) external view returns (bytes32) {
        return _digestOf(report);
    }

    /// @inheritdoc ISettlement
    function deadlineOf(uint64 slot) public view returns (uint256) {
        return _endOf(slot) + settleWindow;
    }

    /// @inheritdoc ISettlement
    function correctionsUntil(uint64 slot) public view returns (uint256) {
        return _endOf(slot) + correctionWindow;
    }

    // --- Steps ---

    /// @dev Accept a report of the next version of a slot that is over, in time and signed by a quorum.
    function _acceptReport(Report memory report, bytes[] calldata signatures, Rules memory rules) internal {
        uint64 slot = report.slot;
        SettlementState state = _standings[slot].state;
        uint256 endsAt = _endOf(slot);
        if (block.timestamp < endsAt) revert SettlementSlotNotOver(slot, endsAt, block.timestamp);
        uint32 next = state == SettlementState.SETTLED ? _version(state, _revisions[slot]) + 1 : 1;
        if (report.version != next) revert SettlementWrongVersion(slot, report.version, next);
        bytes32 digest = _digestOf(report);
        _requireQuorum(digest, signatures, rules.quorum);

        if (next == 1) {
            if (state != SettlementState.NONE) revert SettlementWrongState(slot, state);
            _requireNotAfter(slot, deadlineOf(slot));
            _standings[slot] = Standing(SettlementState.REPORTED, bytes31(digest));
        } else {
            _requireNotAfter(slot, correctionsUntil(slot));
            _corrections[slot] = digest;
        }
        emit ReportSubmitted(
            slot, report.version, report.readingsRoot, report.dataHash, report.accounts, report.deliveredWh
        );
    }

    function _setRules(uint64 number, uint64 fromSlot, Rules memory rules) private {
        if (rules.quorum == 0 || rules.tolerancePpm > PPM) revert SettlementBadRules();
        _newest = Newest(number, fromSlot);
        _rules[number] = DatedRules(fromSlot, rules);
        emit RulesSet(fromSlot, rules);
    }

    /// @dev The running hash with a page, after proving that with the `later` pages it ends at `announced`.
    function _provenHash(bytes32 before, bytes32 pageHash, bytes32[] memory later, bytes32 announced)
        internal
        pure
        returns (bytes32 withPage)
    {
        withPage = before.hashPage(pageHash);
        bytes32 running = withPage;
        for (uint256 index; index < later.length; ++index) {
            running = running.hashPage(later[index]);
        }
        if (running != announced) revert SettlementDataMismatch(running, announced);
    }

    function _terms(uint64 slot, Rules memory rules, SettlementPage.Totals memory totals)
        internal
        view
        returns (SettlementFlows.Terms memory)
    {
        (uint32 retail, uint32 feedIn) = tariffs.priceAt(slot);
        return SettlementFlows.termsOf(rules, totals, retail, feedIn);
    }

    /// @dev Newest version that was settled, 0 before the first.
    function _version(SettlementState state, Revision memory revised) internal pure returns (uint32) {
        if (state != SettlementState.SETTLED) return 0;
        return revised.version == 0 ? 1 : revised.version;
    }

    function _digestOf(Report memory report) private view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(REPORT_TYPEHASH, report)));
    }

    function _requireFirstReport(Report calldata report) internal view {
        bytes31 digest = bytes31(_digestOf(report));
        bytes31 submitted = _standings[report.slot].digest;
        if (digest != submitted) revert SettlementUnknownReport(digest, submitted);
    }

    function _requireCorrectingReport(Report calldata report) internal view {
        bytes32 digest = _digestOf(report);
        bytes32 submitted = _corrections[report.slot];
        if (digest != submitted) revert SettlementUnknownReport(digest, submitted);
    }

    /// @dev The auction knows a slot's result by its hash.
    function _requireResult(uint64 slot, SlotResult memory cleared) internal view {
        if (!auction.isResult(slot, cleared)) revert IDoubleAuction.WrongResult(slot);
    }

    function _requireNotAfter(uint64 slot, uint256 deadline) internal view {
        if (block.timestamp > deadline) revert SettlementTooLate(slot, deadline, block.timestamp);
    }

    function _requireEqual(uint256 total, uint256 announced) internal pure {
        // sums of energies that fit 64 bits
        if (total != announced) revert SettlementTotalsMismatch(int256(total), int256(announced));
    }

    function _requireQuorum(bytes32 digest, bytes[] calldata signatures, uint256 needed) private view {
        (uint256 index, address signer) = Quorum.firstBad(digest, signatures, authority(), Roles.ORACLE);
        if (index < signatures.length) revert SettlementBadSigner(index, signer);
        if (signatures.length < needed) revert SettlementQuorumMissed(signatures.length, needed);
    }

    function _endOf(uint64 slot) private pure returns (uint256) {
        return (uint256(slot) + 1) * SLOT_SECONDS;
    }
}
