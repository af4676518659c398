// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SlotPhase, SlotResult, Submission, Windows} from "../types/AuctionTypes.sol";

/// @title Sealed, two-sided, zonal auction of a session
/// @notice Orders are sealed before the gate and opened after it; the contract accepts exactly the welfare-optimal clearing
/// of the opened book, whoever computed it, and only with the DSO's signature. One contract is one session: its windows
/// say when. Nothing here locks money before a slot is cleared, so a slot that lapses leaves nothing to undo.
///
/// **Order.** EIP-712, domain ("p2ptrade", "1", chain, this contract):
///
///     Order(uint64 slot,uint32 account,Terms terms)
///     Terms(uint8 side,uint32[] energyWh,uint32[] limitPriceMicroPerKwh,bytes16 salt)
///
/// Side 0 bids, 1 offers. One to four steps, the best first: prices of a bid fall strictly, of an offer rise strictly; energy
/// is above 0 and at most 2^31 - 1 Wh in all. The digest is the seal; it hides the terms as long as the salt is random.
/// An owner hands a relay the hash of the terms and the signature over the digest: the relay can so prove for which slot
/// and account a seal was meant, and nobody can pass an old seal off as one of another slot.
///
/// **Book.** Records packed one after the other, rising by account; one per account, except that the seals which its last own
/// seal replaces come directly before that: a relayed one, then earlier own ones in order of arrival.
///
///     kind u8 | account u32 [| arrival u16, own seals only] | body [| r 32 | yParityAndS 32, relayed only, unless superseded]
///     kind: bits 0-2 number of steps, bit 3 side, bit 4 own seal, bit 5 unopened, bit 6 superseded; bit 7 is 0
///     body of an opened order: per step (energy u32, limit price u32) | salt 16
///     body of an unopened one: hash of its terms 32 if relayed, its digest 32 if it is an own seal
///     body of a superseded one: its ticket 32 if relayed, its digest 32 if it is an own seal
///     arrival: which of the slot's own seals it is, from 0, in the order of the `Sealed` events
///
/// Numbers are big-endian. `bookHash` runs over the pages of a book: h_i = keccak256(h_(i-1) || keccak256(page_i)), h_0 = 0.
/// The relay's commitment runs the same way over entries (account u32 || ticket 32) of all relayed records, where a ticket is
/// keccak256(digest || v 32 || r || s): it binds the owner's signature too, which could else be exchanged for a bad one.
///
/// **Void**, left out and recorded, never a reason to revert: 1 bad signature, 2 account not active, 3 insolvent (cash below bond and
/// cover), 4 malformed steps, 5 unopened (the bond is forfeited), 6 zone left out by the DSO or unknown, 7 superseded. The first that
/// holds in the order 7, 1, 5, 2, 6, 4, 3 is the one recorded.
/// Cover of a bid is what it pays at its limits, each step rounded up; of an offer its energy at the collateral price
/// of the account's reputation class, rounded up.
///
/// **Certificate.** See `docs/auction.md` and `libraries/Certificate.sol`.
///
/// **Position record**, 22 bytes, of every filled account in rising order:
///
///     account u32 | energy int32 (bought +, sold -) | locked u56 | release u56
///
/// `locked` micro-credits left the account at the clearing and return if the slot is never settled; `release` is what the
/// settlement credits: nothing to a buyer, revenue and collateral to a seller. `positionsHash` is
/// h_i = keccak256(h_(i-1) || record_i), h_0 = 0.
interface IDoubleAuction {
    /// @notice The relay fixed the seals that it brings into a slot.
    /// @param root Running hash over the pages of entries.
    /// @param count Number of entries.
    event Committed(uint64 indexed slot, bytes32 root, uint32 count);

    /// @notice Somebody sealed an order by an own transaction; the last one of an account's owner counts.
    event Sealed(uint64 indexed slot, address indexed owner, bytes32 digest);

    /// @notice An order was opened on the chain; from now on no book can call it unopened.
    /// @param record The record as a book has it, without a signature.
    event Opened(uint64 indexed slot, bytes32 indexed digest, bytes record);

    /// @notice A slot was cleared.
    /// @param bookHash Running hash over the pages of the book.
    /// @param prices Price per zone, in half micro-credits per kWh.
    /// @param gridHash Hash of the grid data that the clearing keeps.
    /// @param envelopeRoot Root of the envelopes that the DSO signed.
    /// @param positions Position records of all filled accounts.
    /// @param voids Orders left out: (account u32, reason u8) each, in book order.
    /// @param result What the settlement will pay out.
    event Cleared(
        uint64 indexed slot,
        bytes32 bookHash,
        uint64[] prices,
        bytes32 gridHash,
        bytes32 envelopeRoot,
        bytes positions,
        bytes voids,
        SlotResult result
    );

    /// @notice What was locked in a slot that was never settled went back to its owners.
    event Refunded(uint64 indexed slot, uint256 amountMicro);

    /// @notice The settlement took over a slot: it can no longer be refunded.
    event HandedOver(uint64 indexed slot, SlotPhase phase);

    /// @notice The DSO's key was named.
    event DsoAppointed(address indexed dso);

    /// @notice Cleared slots are handed over to `settlement` from now on.
    event SettlementAppointed(address indexed settlement);

    /// @notice The slot's gate has closed.
    error GateClosed(uint64 slot, uint256 closedAt, uint256 now_);

    /// @notice The slot's gate has not closed yet.
    error GateStillOpen(uint64 slot, uint256 closesAt, uint256 now_);

    /// @notice It is too early for it.
    error TooEarly(uint64 slot, uint256 due, uint256 now_);

    /// @notice The window for it has ended.
    error WindowClosed(uint64 slot, uint256 closedAt, uint256 now_);

    /// @notice A book that calls an order unopened can be cleared only when owners had their time to open.
    error OwnersMayStillOpen(uint64 slot, uint32 account, uint256 until);

    /// @notice The order that the book calls unopened was opened on the chain.
    error WasOpened(uint64 slot, uint32 account, bytes32 digest);

    /// @notice The caller is not the relay, or its stake does not suffice.
    error NotTheRelay(address caller);

    /// @notice The caller does not own the account.
    error NotTheOwner(uint32 account, address caller);

    /// @notice The relay committed the slot already.
    error AlreadyCommitted(uint64 slot);

    /// @notice A commitment must not be zero; of its 32 bytes the last 31 are kept.
    error EmptyCommitment(uint64 slot);

    /// @notice The slot was cleared, or its clearing has begun.
    error AlreadyCleared(uint64 slot);

    /// @notice The slot was not cleared.
    error NotCleared(uint64 slot, SlotPhase phase);

    /// @notice The relayed records are not the ones that were committed; of the commitment the last 31 bytes are known.
    error WrongEntries(uint64 slot, uint256 committed, bytes32 found);

    /// @notice This is not the result of the slot that its event `Cleared` has; of a slot that lapsed it is all zero.
    error WrongResult(uint64 slot);

    /// @notice The own records are not the ones that were sealed, each once and in its place of arrival.
    error WrongOwnSeals(uint64 slot, bytes32 needed, bytes32 found);

    /// @notice Who has an account is no stranger: the own seals of a participant stand in the book.
    error NotAStranger(address sender);

    /// @notice Only the last own seal of an account is live; the earlier ones come before it, in order of arrival.
    error NotTheLastSeal(uint32 account, uint256 arrival);

    /// @notice A list of packed records ends within one, or is too long.
    error BadList(uint256 length, uint256 recordLength);

    /// @notice A record has an unknown kind.
    error BadRecord(uint256 offset, uint256 kind);

    /// @notice The book ends within a record.
    error TruncatedBook(uint256 length, uint256 needed);

    /// @notice Records must rise strictly by account (a superseded one comes directly before its own seal).
    error AccountsMustRise(uint256 offset, uint32 account, uint32 previous);

    /// @notice An own seal that is live replaces this relayed one: the record must be marked superseded.
    error NotSuperseded(uint32 account);

    /// @notice No grid data was published for the slot.
    error GridDataMissing(uint64 slot);

    /// @notice The grid data is not what was published.
    error WrongGridData(bytes32 published, bytes32 found);

    /// @notice The grid data has a wrong length, too many zones, or a parent that does not come before its zone.
    error BadGridData(uint256 zone);

    /// @notice A round may tighten limits and leave zones out; charges and the tree stay, and no limit grows.
    error NotTightened(uint256 zone);

    /// @notice A certificate has one price per zone.
    error WrongPriceCount(uint256 needed, uint256 given);

    /// @notice A price is beyond any limit price.
    error PriceOutOfRange(uint256 zone, uint256 priceHalfMicroPerKwh);

    /// @notice At its price the subtree of a zone cannot export what is due.
    error DoesNotBalance(uint256 zone, int256 lo, int256 hi, int256 target);

    /// @notice The price is not the middle of the interval of prices that clear.
    error NotTheMiddle(uint256 zone, uint256 price, uint256 needed);

    /// @notice A zone has a price of its own although its line is not full at its parent's.
    error NotSeparated(uint256 zone, uint256 price, uint256 parentPrice);

    /// @notice At its parent's price the subtree of a zone exceeds what its line carries.
    error LineOverloaded(uint256 zone, int256 lo, int256 hi);

    /// @notice The verdict is not the DSO's signature over this result.
    error NotTheDsosVerdict(address signer, address dso);

    /// @notice `caller` is not the settlement that takes slots over.
    error NotTheSettlement(address caller, address settlement);

    /// @notice The positions are not those of the slot.
    error WrongPositions(uint64 slot, bytes32 needed, bytes32 found);

    /// @notice The windows do not shrink towards delivery.
    error BadWindows();

    /// @notice Name the key whose signature a verdict needs.
    function appointDso(address dso) external;

    /// @notice Say which contract takes cleared slots over, zero for none. Only for the role ADMIN.
    function appointSettlement(address settlement) external;

    /// @notice Fix the relayed seals of a slot: once, before the gate, by the relay, whose stake covers it.
    /// @param root Running hash over pages of entries (account u32 || ticket 32), strictly rising by account over all pages.
    /// @param count Number of entries, for the record.
    function commit(uint64 slot, bytes32 root, uint32 count) external;

    /// @notice Seal an order of the caller's account by an own transaction, before the gate. The last one counts, and it
    /// replaces a relayed one. For contract wallets, and for everybody whom the relay ignores. It counts for the account that
    /// the caller owns when the slot is cleared; the seal of a caller without an account counts for nothing.
    function seal(uint64 slot, bytes32 digest) external;

    /// @notice Open an order on the chain because the relay may withhold its opening: between the gate and `openUntil`. By
    /// anybody who knows it, which before the clearing is its owner.
    /// @param record The record as a book has it for a relayed order, but without the signature.
    function open(uint64 slot, bytes calldata record) external;

    /// @notice Clear a slot whose book is one page; by anybody.
    /// @return result What the settlement will pay out.
    function clear(Submission calldata submission) external returns (SlotResult memory result);

    /// @notice Give back what is locked in a slot that was cleared and not settled in time; by anybody.
    /// @param positions All position records of the slot.
    /// @param result The slot's result, as the event has it.
    function refund(uint64 slot, bytes calldata positions, SlotResult calldata result) external;

    /// @notice Hand a slot over to the settlement, once: from then on there is no refund. Only for the appointed settlement.
    /// @param result The slot's result, as the event has it; all zero for a slot that lapsed. Any other is refused.
    /// @return phase Cleared, or Lapsed if the slot trades nothing.
    function handOver(uint64 slot, SlotResult calldata result) external returns (SlotPhase phase);

    /// @notice Return whether this is what a slot was cleared to; of one that was not cleared the result is all zero.
    function isResult(uint64 slot, SlotResult calldata result) external view returns (bool);

    /// @notice Return where a slot is in its life now.
    function phaseOf(uint64 slot) external view returns (SlotPhase);

    /// @notice Return whether this is what the relay committed to. Never for zero.
    /// @param result The slot's result once it was cleared; before that, and if it lapsed, it does not matter.
    function isRoot(uint64 slot, bytes32 root, SlotResult calldata result) external view returns (bool);

    /// @notice Return the hash chain over a slot's own seals in order of arrival, zero if there are none:
    /// h_i = keccak256(h_(i-1) || owner 20 || digest 32), h_0 = 0.
    function ownChainOf(uint64 slot) external view returns (bytes32);

    /// @notice Return whether an order was opened on the chain.
    function isOpened(bytes32 digest) external view returns (bool);

    /// @notice Return gate closure of a slot: the first second at which no seal is taken and an opening is.
    function gateOf(uint64 slot) external view returns (uint256);

    /// @notice Return the first second at which owners can no longer open on the chain.
    function openUntil(uint64 slot) external view returns (uint256);

    /// @notice Return the first second at which a slot that was not cleared has lapsed.
    function clearUntil(uint64 slot) external view returns (uint256);

    /// @notice Return the windows of the session.
    function windows() external view returns (Windows memory);

    /// @notice Return the bond of a reputation class, in micro-credits. Classes above 7 count as 7.
    function bondOf(uint8 reputationClass) external view returns (uint32);

    /// @notice Return the collateral price of a reputation class, in micro-credits per kWh offered.
    function collateralPriceOf(uint8 reputationClass) external view returns (uint32);

    /// @notice Return the EIP-712 digest of an order, given the hash of its terms.
    function digestOf(uint64 slot, uint32 account, bytes32 termsHash) external view returns (bytes32);

    /// @notice Return the EIP-712 domain separator.
    function domainSeparator() external view returns (bytes32);

    /// @notice Return the key whose signature a verdict needs.
    function dso() external view returns (address);

    /// @notice Return the contract that takes cleared slots over.
    function settlement() external view returns (address);
}
