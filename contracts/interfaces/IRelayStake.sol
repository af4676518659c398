// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SlotResult} from "../types/AuctionTypes.sol";

/// @title The relay's stake and the receipts that it answers for
/// @notice A relay signs a receipt for every seal that it takes:
///
///     Receipt(uint64 slot,uint32 account,bytes32 digest,uint64 receivedAt)
///
/// in the domain of the auction. A seal with a receipt that is not in the relay's commitment costs the relay its stake, which goes
/// to the owner of the seal. The owner puts a challenge bond beside the claim; it goes to the relay if the claim is answered.
/// A relay gives one receipt per account and slot. One stake serves all sessions.
interface IRelayStake {
    /// @notice The relay was named.
    /// @param relay Key that commits and signs receipts.
    /// @param account Ledger account that stakes.
    event RelayAppointed(address indexed relay, uint32 indexed account);

    /// @notice The relay staked.
    event Staked(uint64 amountMicro, uint64 stakeMicro);

    /// @notice The relay asked for its stake back.
    event UnstakeRequested(uint256 availableAt);

    /// @notice The relay took its stake back.
    event Unstaked(uint64 amountMicro);

    /// @notice An owner claims that a seal with a receipt is missing.
    event Challenged(
        address indexed auction, uint64 indexed slot, uint32 indexed account, bytes32 digest, uint256 answerUntil
    );

    /// @notice The relay showed that the seal is in its commitment.
    event ChallengeAnswered(address indexed auction, uint64 indexed slot, uint32 indexed account, bytes32 digest);

    /// @notice The relay lost its stake to the owner of a seal that it dropped.
    event Slashed(
        address indexed auction, uint64 indexed slot, uint32 indexed account, bytes32 digest, uint64 amountMicro
    );

    /// @notice The caller is not the relay.
    error NotTheRelay(address caller, address relay);

    /// @notice The caller does not own the account.
    error NotTheOwner(uint32 account, address caller);

    /// @notice A receipt can be claimed only after the gate.
    error GateStillOpen(uint64 slot, uint256 closesAt);

    /// @notice A receipt can no longer be claimed.
    error TooLate(uint64 slot, uint256 until);

    /// @notice The receipt is not the relay's signature.
    error NotTheRelaysReceipt(address signer, address relay);

    /// @notice The receipt says that the seal came after the gate.
    error ReceivedTooLate(uint256 receivedAt, uint256 gate);

    /// @notice This seal was claimed before.
    error AlreadyChallenged(bytes32 id);

    /// @notice There is no open challenge of this seal.
    error NoChallenge(bytes32 id);

    /// @notice The pages of entries are not the commitment.
    error WrongEntries(uint64 slot, bytes32 found);

    /// @notice The commitment has no such entry.
    error EntryMissing(uint32 account, bytes32 digest);

    /// @notice The relay has time to answer until then.
    error MayStillAnswer(uint256 until);

    /// @notice The relay that is named has a stake; it must take it out first.
    error RelayHasStake(address relay, uint64 stakeMicro);

    /// @notice Times and the stake required must be above zero.
    error BadTimes();

    /// @notice The stake is bound until then, or until open challenges are closed.
    error StakeIsBound(uint256 until, uint256 openChallenges);

    /// @notice Unstaking was not asked for.
    error UnstakeNotRequested();

    /// @notice Name the relay; its predecessor must have no stake left.
    function appoint(address relay, uint32 account) external;

    /// @notice Add to the stake from the cash of the relay's account.
    function stake(uint64 amountMicro) external;

    /// @notice Ask for the stake back; from now on the relay cannot commit.
    function requestUnstake() external;

    /// @notice Take the stake back when no receipt can be claimed any more.
    function unstake() external;

    /// @notice Claim that a seal with a receipt is not in the commitment; by the account's owner, after the gate.
    /// @param auction The session that the receipt is for.
    /// @param receivedAt When the relay received the seal, unix seconds.
    /// @param receipt The relay's EIP-2098 signature (64 bytes).
    function challenge(
        address auction,
        uint64 slot,
        uint32 account,
        bytes32 digest,
        uint64 receivedAt,
        bytes calldata receipt
    ) external;

    /// @notice Show that a claimed seal is in the commitment; by anybody, also before the claim's time is over.
    /// @param signature The signature of the account's owner over the digest, as it is in the commitment.
    /// @param pages The pages of entries (account u32 || ticket 32) that the commitment was made of.
    /// @param result The slot's result, which has the commitment in it, once the slot was cleared; see `IDoubleAuction.isRoot`.
    function answer(
        address auction,
        uint64 slot,
        uint32 account,
        bytes32 digest,
        bytes calldata signature,
        bytes[] calldata pages,
        SlotResult calldata result
    ) external;

    /// @notice Give the relay's stake to the owner whose claim was not answered in time; by anybody.
    function slash(address auction, uint64 slot, uint32 account, bytes32 digest) external;

    /// @notice Return whether `relay` may commit: it is the one appointed, its stake suffices and is not asked back.
    function mayCommit(address relay) external view returns (bool);

    /// @notice Return the relay, its ledger account and its stake in micro-credits.
    function relayState() external view returns (address relay, uint32 account, uint64 stakeMicro);

    /// @notice Return until when a challenge can be answered: 0 if there was none, the maximum if it was answered or slashed.
    function answerUntil(address auction, uint64 slot, uint32 account, bytes32 digest) external view returns (uint64);

    /// @notice Return for how long after the gate a receipt can be claimed, and how long the relay has to answer, in seconds.
    function times() external view returns (uint32 claim, uint32 answer_);

    /// @notice Return the least stake with which a relay may commit, in micro-credits.
    function stakeRequiredMicro() external view returns (uint64);

    /// @notice Return what a challenge costs who is wrong, in micro-credits.
    function challengeBondMicro() external view returns (uint64);
}
