// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SlotResult} from "../types/AuctionTypes.sol";
import {PageProof, Report, Rules, SettlementState, SlotSettlement} from "../types/SettlementTypes.sol";

/// @title Settlement of a delivery slot from metered energy that k of n oracles signed.
/// @notice First the report's hash, then its data in pages; each page moves cash once. Of every account the contract
/// knows the position c (bought positive) and the metered net energy m (withdrawn positive); the imbalance d = m - c is
/// bought from or sold to the retailer. All flows of a page sum to zero.
/// @dev A page is a row of records with strictly rising accounts, over all pages:
///   metered i32 | flags u8 | account u32 | position (energy i32, locked u56, release u56) | breachWh u32
/// flags: bit 0 has a position, bit 1 estimated, bit 2 breach of the envelope; what a flag does not announce is absent.
/// The first page starts with the totals of the slot in Wh, proven when the last page is in:
///   netWh i64 | givenWh u64 | takenWh u64
/// net is the metered energy of all accounts (withdrawn positive); given and taken are what sellers delivered of what
/// they sold and buyers withdrew of what they bought, estimates included.
/// A correction has records of the same form without totals, each followed by the new metered i32, flags u8 (bits 1
/// and 2 only) and, if bit 2 is set, breachWh u32.
interface ISettlement {
    /// @notice A quorum signed a report of a slot.
    event ReportSubmitted(
        uint64 indexed slot,
        uint32 indexed version,
        bytes32 readingsRoot,
        bytes32 dataHash,
        uint32 accounts,
        uint64 deliveredWh
    );

    /// @notice A page was settled. The page is in the call's data and is proven by the hash: with the pages and the
    /// tariffs every flow can be recomputed.
    /// @param dataHash Running hash over the pages up to this one.
    event PageSettled(uint64 indexed slot, bytes32 dataHash);

    /// @notice All pages of a slot are settled; amounts in micro-credits.
    event Settled(
        uint64 indexed slot, uint64 deliveredWh, uint64 mintedWh, uint64 networkMicro, uint64 feeMicro, uint64 rentMicro
    );

    /// @notice A correction was settled by compensating entries.
    event Corrected(uint64 indexed slot, uint32 indexed version, uint64 deliveredWh, bytes corrections);

    /// @notice Tokens were minted for delivery that a correction found.
    event CorrectionMinted(uint64 indexed slot, uint64 mintedWh);

    /// @notice A correction found less delivery than tokens were already minted for; the difference stays known.
    event DeliveryBelowMinted(uint64 indexed slot, uint64 deliveredWh, uint64 mintedWh);

    /// @notice The owner of `account` contests how the slot was settled, on the ground of a signed reading.
    event Contested(uint64 indexed slot, uint32 indexed account, bytes32 readingDigest);

    /// @notice New rules hold from slot `fromSlot` on.
    event RulesSet(uint64 indexed fromSlot, Rules rules);

    /// @notice The slot is not over yet.
    error SettlementSlotNotOver(uint64 slot, uint256 endsAt, uint256 nowAt);

    /// @notice The deadline of the slot has passed: what was locked is free again, nothing is settled any more.
    error SettlementTooLate(uint64 slot, uint256 deadline, uint256 nowAt);

    /// @notice The report's version is not the next one.
    error SettlementWrongVersion(uint64 slot, uint32 version, uint32 needed);

    /// @notice The slot is in a state in which this cannot be done.
    error SettlementWrongState(uint64 slot, SettlementState state);

    /// @notice Fewer valid oracle signatures than the quorum.
    error SettlementQuorumMissed(uint256 signatures, uint256 needed);

    /// @notice A signature is malformed, not of an oracle, or the signers do not strictly rise.
    error SettlementBadSigner(uint256 index, address signer);

    /// @notice The report is not the one that was submitted.
    error SettlementUnknownReport(bytes32 digest, bytes32 submitted);

    /// @notice A page is empty, ends inside a record, or its accounts do not strictly rise.
    error SettlementMalformedPage(uint256 offset);

    /// @notice The page is not the next one of the report.
    error SettlementDataMismatch(bytes32 dataHash, bytes32 announced);

    /// @notice The positions in the pages are not those of the clearing.
    error SettlementPositionsMismatch(bytes32 positionsHash, bytes32 cleared);

    /// @notice The totals of the pages are not those announced.
    error SettlementTotalsMismatch(int256 total, int256 announced);

    /// @notice The slot as a whole is beyond what the feeder can carry, or more is delivered than was bought or than the cap.
    error SettlementAboveCap(uint256 energyWh, uint256 capWh);

    /// @notice The old record of a correction is not what was settled last.
    error SettlementNotWhatWasSettled(uint64 slot, uint32 account);

    /// @notice Only the owner of the account can contest.
    error SettlementNotOwner(uint32 account, address caller);

    /// @notice Rules can be set for slots only that begin at least the notice time from now, later than all rules before.
    error SettlementRulesTooEarly(uint64 fromSlot, uint64 earliest);

    /// @notice Rules that cannot work: a quorum of 0 or a share above one.
    error SettlementBadRules();

    /// @notice Accept the report of a slot that `quorum` oracles signed. Anyone may send it.
    /// @param report The report; version 1 settles, later versions correct inside the correction window.
    /// @param signatures EIP-712 signatures of oracles, compact (EIP-2098), signers strictly rising.
    function submitReport(Report calldata report, bytes[] calldata signatures) external;

    /// @notice Settle the next page of the submitted report of version 1. Anyone may send it.
    /// @param page The page.
    /// @param later Hashes of the pages that are still to come, in order; they prove the page before it moves anything.
    /// @param cleared What the slot was cleared to, as the auction's event `Cleared` has it; all zero if it lapsed.
    function settlePage(
        Report calldata report,
        bytes calldata page,
        bytes32[] calldata later,
        SlotResult calldata cleared
    ) external;

    /// @notice Accept the report of version 1 and settle it, for a slot of one page: `submitReport` and `settlePage`.
    function settleAtOnce(
        Report calldata report,
        bytes[] calldata signatures,
        bytes calldata page,
        SlotResult calldata cleared
    ) external;

    /// @notice Settle a submitted correction: each account pays or receives the difference.
    /// @param report The correcting report, whose data is the single page `corrections`.
    /// @param first The report of version 1.
    /// @param corrections Records as described above, accounts strictly rising.
    /// @param proofs Pages of version 1 that hold the records not corrected before, in order of account.
    function settleCorrection(
        Report calldata report,
        Report calldata first,
        bytes calldata corrections,
        PageProof[] calldata proofs
    ) external;

    /// @notice Mint to the slot's buyers what corrections found delivered on top of what was minted.
    /// @param positions All position records of the clearing, as its event has them.
    /// @param cleared What the slot was cleared to, as that event has it.
    function mintCorrected(uint64 slot, bytes calldata positions, SlotResult calldata cleared) external;

    /// @notice Say that the account was settled wrongly; the oracles re-report if the signed reading bears it out.
    /// @param readingDigest EIP-712 digest of the signed reading that the owner sent to the oracles.
    function contest(uint64 slot, uint32 account, bytes32 readingDigest) external;

    /// @notice Set the rules from a future slot on.
    function setRules(uint64 fromSlot, Rules calldata rules) external;

    /// @notice The rules that a slot is settled by.
    function rulesAt(uint64 slot) external view returns (Rules memory);

    /// @notice Where a slot is, staleness included.
    function stateOf(uint64 slot) external view returns (SettlementState);

    /// @notice What is known of the settlement of a slot.
    function settlementOf(uint64 slot) external view returns (SlotSettlement memory);

    /// @notice First 31 bytes of the EIP-712 digest of the report of version 1 of a slot, 0 if none was submitted.
    function reportDigestOf(uint64 slot) external view returns (bytes31);

    /// @notice EIP-712 digest of the newest correcting report submitted for a slot, 0 if there was none.
    function correctionDigestOf(uint64 slot) external view returns (bytes32);

    /// @notice EIP-712 digest of a report.
    function digestOf(Report calldata report) external view returns (bytes32);

    /// @notice Until when a slot's first page can be settled, in epoch seconds.
    function deadlineOf(uint64 slot) external view returns (uint256);

    /// @notice Until when corrections of a slot are accepted, in epoch seconds.
    function correctionsUntil(uint64 slot) external view returns (uint256);
}
