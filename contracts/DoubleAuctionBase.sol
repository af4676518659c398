// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDoubleAuction} from "./interfaces/IDoubleAuction.sol";
import {IDoubleAuctionPages} from "./interfaces/IDoubleAuctionPages.sol";
import {IGridLimits} from "./interfaces/IGridLimits.sol";
import {ILedger} from "./interfaces/ILedger.sol";
import {IRelayStake} from "./interfaces/IRelayStake.sol";
import {AccountWord} from "./libraries/AccountWord.sol";
import {BookPasses} from "./libraries/BookPasses.sol";
import {BookReader} from "./libraries/BookReader.sol";
import {Certificate} from "./libraries/Certificate.sol";
import {GridData} from "./libraries/GridData.sol";
import {OrderHash} from "./libraries/OrderHash.sol";
import {Outcomes} from "./libraries/Outcomes.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {AccountStatus} from "./types/AccountStatus.sol";
import {AuctionParameters, SlotPhase, SlotResult, Windows} from "./types/AuctionTypes.sol";
import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

/// @title DoubleAuctionBase
/// @dev Parameters, storage and the steps of clearing that a book of one page (`DoubleAuction`) and of several
/// (`DoubleAuctionPages`) have in common. Both are parts of one contract, so both have exactly this storage.
abstract contract DoubleAuctionBase is IDoubleAuctionPages, AccessManaged {
    using AccountWord for uint256;
    using BookReader for uint256;

    /// @dev What happened to a slot; phases follow from it and the clock.
    enum Status {
        None,
        Cleared,
        HandedOver,
        Refunded,
        Filling
    }

    /// @dev One word: whose signature a verdict needs, and the slot that is being cleared in pages, 0 if there is none.
    struct Operator {
        address dso;
        uint64 busy;
    }

    /// @dev What a clearing works with beside the passes' own state; pointers are into memory that was taken for it.
    struct Work {
        BookPasses.Pass pass;
        uint64 slot;
        uint256 networkCharge;
        uint256 fee;
        uint256 entries;
        uint256 voids;
        uint256 trades;
        uint256 moves;
        uint256 positions;
        uint256 forfeited;
        bytes32 bookHash;
        bytes32 gridHash;
        bytes32 root;
        bytes32 domain;
        uint256 fact;
        bytes32 ownChain;
    }

    uint256 internal constant SLOT_SECONDS = 900;
    uint256 internal constant SEAL_BYTES = 36;
    uint256 internal constant POSITION_BYTES = 22;
    uint256 internal constant VOID_BYTES = 5;
    uint256 internal constant WH_PER_KWH = 1000;
    uint256 private constant CLASS_MAX = 7;
    uint256 private constant CLASS_BITS = 32;
    /// @dev Where the status of a slot's fact begins, and the hash below it.
    uint256 private constant STATUS_SHIFT = 248;
    uint256 internal constant HASH_MASK = type(uint248).max;

    /// @dev Why an order is void, beside the reasons that `BookPasses` finds.
    uint256 private constant BAD_SIGNATURE = 1;
    uint256 private constant UNOPENED = 5;
    uint256 private constant SUPERSEDED = 7;

    ILedger internal immutable LEDGER;
    IGridLimits private immutable GRID_LIMITS;
    IRelayStake internal immutable RELAY_STAKE;
    uint32 internal immutable LIMITS_LEAD;
    uint32 internal immutable GATE_LEAD;
    uint32 internal immutable OPEN_LEAD;
    uint32 internal immutable CLEAR_LEAD;
    uint32 internal immutable SETTLE_TIME;
    /// @dev Eight numbers of 32 bits, class 0 in the lowest.
    uint256 internal immutable BONDS;
    uint256 internal immutable COLLATERAL_PRICES;

    Operator internal _operator;
    /// @dev One word a slot: its status in the highest byte, a hash of 248 bits in the others. That is the relay's commitment
    /// until the slot is cleared and the hash of its result from then on, which has the commitment in it. In between, while
    /// pages are filled, it is the hash of how far that is.
    mapping(uint64 slot => uint256 fact) internal _factOf;
    // `DoubleAuction` writes these three; slither looks at each contract for itself (2026-11-21).
    // slither-disable-next-line uninitialized-state
    mapping(uint64 slot => bytes32 chain) internal _ownChainOf;
    // slither-disable-next-line uninitialized-state
    mapping(bytes32 digest => bool opened) internal _isOpened;
    /// @dev Who takes cleared slots over.
    // slither-disable-next-line uninitialized-state
    address internal _settlement;
    /// @dev The states that judging in pages has come to, by clearing and state.
    mapping(bytes32 key => bool reached) internal _isReached;

    constructor(address authority, AuctionParameters memory given) AccessManaged(authority) {
        Windows memory leads = given.windows;
        if (leads.limits <= leads.gate || leads.gate <= leads.open || leads.open <= leads.clear || leads.settle == 0) {
            revert IDoubleAuction.BadWindows();
        }
        LEDGER = given.ledger;
        GRID_LIMITS = given.gridLimits;
        RELAY_STAKE = given.relayStake;
        LIMITS_LEAD = leads.limits;
        GATE_LEAD = leads.gate;
        OPEN_LEAD = leads.open;
        CLEAR_LEAD = leads.clear;
        SETTLE_TIME = leads.settle;
        BONDS = _packed(given.bonds);
        COLLATERAL_PRICES = _packed(given.collateralPrices);
    }

    /// @inheritdoc IDoubleAuctionPages
    function busySlot() external view returns (uint64) {
        return _operator.busy;
    }

    // ------------------------------------------------------------------------------------------------------------- clock

    /// @dev Return the phase of a slot of this fact.
    function _phase(uint64 slot, uint256 fact) internal view returns (SlotPhase) {
        Status status = _statusOf(fact);
        if (status == Status.Cleared) return SlotPhase.Cleared;
        if (status == Status.HandedOver) return SlotPhase.Settling;
        if (status == Status.Refunded) return SlotPhase.Refunded;
        if (status == Status.Filling) return SlotPhase.Filling;
        if (block.timestamp < _gateOf(slot)) return SlotPhase.Sealing;
        if (block.timestamp < _openUntil(slot)) return SlotPhase.Opening;
        return block.timestamp < _clearUntil(slot) ? SlotPhase.Clearing : SlotPhase.Lapsed;
    }

    function _gateOf(uint64 slot) internal view returns (uint256) {
        return _before(slot, GATE_LEAD);
    }

    function _openUntil(uint64 slot) internal view returns (uint256) {
        return _before(slot, OPEN_LEAD);
    }

    function _clearUntil(uint64 slot) internal view returns (uint256) {
        return _before(slot, CLEAR_LEAD);
    }

    // ------------------------------------------------------------------------------------------------- steps of clearing

    /// @dev Return the hash of the grid data that the clearing keeps, once it is what the DSO published or tighter.
    function _checkedGrid(uint64 slot, bytes calldata gridData, bytes calldata published)
        internal
        view
        returns (bytes32 gridHash)
    {
        bytes32 needed = GRID_LIMITS.hashOf(slot);
        if (needed == 0) revert IDoubleAuction.GridDataMissing(slot);
        gridHash = keccak256(gridData);
        if (published.length == 0) {
            if (gridHash != needed) revert IDoubleAuction.WrongGridData(needed, gridHash);
        } else {
            bytes32 found = keccak256(published);
            if (found != needed) revert IDoubleAuction.WrongGridData(needed, found);
            GridData.requireTightened(gridData, published);
        }
    }

    /// @dev Refuse a result that the DSO did not sign, and one whose turn it is not: another slot is being cleared in pages, and
    /// its orders are covered by cash that has not moved yet.
    function _requireVerdict(uint64 slot, bytes32 digest, bytes calldata verdict) internal view returns (uint64 busy) {
        Operator memory operator = _operator;
        address signer = Signatures.recover(digest, verdict);
        if (signer == address(0) || signer != operator.dso) {
            revert IDoubleAuction.NotTheDsosVerdict(signer, operator.dso);
        }
        busy = operator.busy;
        if (busy != 0 && busy != slot) _requireOver(slot, busy);
    }

    /// @dev Refuse to clear a slot while the clearing of another in pages may still need the cash that covers it.
    function _requireOver(uint64 slot, uint64 busy) internal view {
        Status status = _statusOf(_factOf[busy]);
        uint256 until = 0;
        if (status == Status.None) until = _clearUntil(busy);
        if (status == Status.Filling) until = uint256(busy) * SLOT_SECONDS;
        if (block.timestamp < until) revert AnotherSlotIsClearing(slot, busy);
    }

    /// @dev Tell the passes what holds for all orders of a slot.
    function _setTerms(Work memory work, Certificate.Zone[] memory zones, bytes calldata gridData) internal view {
        (uint256 network, uint256 fee) = GridData.charges(gridData);
        (work.networkCharge, work.fee) = (network, fee);
        BookPasses.Pass memory pass = work.pass;
        // four numbers of 32 bits
        unchecked {
            pass.chargeHalf = 2 * (network + fee);
        }
        BookPasses.setZones(zones, GridData.excluded(gridData));
        (pass.bonds, pass.collateralPrices) = (BONDS, COLLATERAL_PRICES);
    }

    /// @dev Return the tree of zones with the proposed prices.
    function _zones(bytes calldata gridData, uint64[] calldata prices)
        internal
        pure
        returns (Certificate.Zone[] memory zones)
    {
        uint256 count = GridData.zoneCount(gridData);
        if (prices.length != count) revert IDoubleAuction.WrongPriceCount(count, prices.length);
        zones = new Certificate.Zone[](count);
        for (uint256 index = 0; index < count; ++index) {
            int256 price = int256(uint256(prices[index]));
            if (price > Certificate.PRICE_HALF_MAX) revert IDoubleAuction.PriceOutOfRange(index, prices[index]);
            Certificate.Zone memory zone = zones[index];
            (uint256 parent, uint256 importWh, uint256 exportWh) = GridData.zone(gridData, index);
            zone.price = price;
            zone.down = Certificate.OPEN_BELOW;
            zone.up = Certificate.OPEN_ABOVE;
            zone.parent = parent;
            zone.importWh = int256(importWh);
            zone.exportWh = int256(exportWh);
        }
    }

    /// @dev Judge all records: opened orders in `BookPasses`, the others one by one here. What can trade, and bonds, overwrite
    /// rows that have been judged.
    function _judge(Work memory work, uint256[] memory rows, uint256[] memory words) internal view {
        uint256 index = 0;
        while ((index = BookPasses.judge(rows, words, index)) < rows.length) {
            uint256 row = rows[index];
            uint256 reason;
            if (row.kindOf() & BookReader.SUPERSEDED_BIT == 0) {
                reason = _judgeUnopened(work, row, words[index]);
            } else {
                reason = SUPERSEDED;
                bytes32 digest = bytes32(BookReader.load(row.bodyOf()));
                if (row.kindOf() & BookReader.OWN_BIT == 0) {
                    _pushEntry(work.pass, row, digest);
                } else {
                    _requireLaterSeal(rows, index);
                    _placeOwn(work.pass, row, words[index], digest);
                }
            }
            _pushVoid(work.pass, row.accountOf(), reason);
            ++index;
        }
    }

    /// @dev Refuse a superseded own seal that arrived after the one that replaces it. The reader saw to it that an own seal of the
    /// account comes next, if not in this page, then in the next.
    function _requireLaterSeal(uint256[] memory rows, uint256 index) private pure {
        if (index + 1 == rows.length) return;
        uint256 row = rows[index];
        if (row.arrivalOf() < rows[index + 1].arrivalOf()) return;
        revert IDoubleAuction.NotTheLastSeal(uint32(row.accountOf()), row.arrivalOf());
    }

    /// @dev Take the bond of an order that was sealed and not opened, unless a relayed one is not its owner's: a relay could
    /// otherwise burn bonds with seals of its own making.
    function _judgeUnopened(Work memory work, uint256 row, uint256 word) internal view returns (uint256) {
        uint256 body = row.bodyOf();
        bytes32 digest = bytes32(BookReader.load(body));
        if (row.kindOf() & BookReader.OWN_BIT != 0) {
            _placeOwn(work.pass, row, word, digest);
        } else {
            digest = OrderHash.orderDigest(work.domain, work.slot, uint32(row.accountOf()), digest);
            bytes calldata signature = BookReader.signatureAt(body + 32);
            _pushEntry(work.pass, row, Signatures.ticket(digest, signature));
            address signer = Signatures.recover(digest, signature);
            if (signer == address(0) || signer != word.owner()) return BAD_SIGNATURE;
        }
        _forfeit(work, row.accountOf(), digest, word);
        return UNOPENED;
    }

    /// @dev Take a bond, as far as there is cash; not before owners had their time to open.
    function _forfeit(Work memory work, uint256 account, bytes32 digest, uint256 word) internal view {
        uint64 slot = work.slot;
        if (_isOpened[digest]) revert IDoubleAuction.WasOpened(slot, uint32(account), digest);
        if (block.timestamp < _openUntil(slot)) {
            revert IDoubleAuction.OwnersMayStillOpen(slot, uint32(account), _openUntil(slot));
        }
        int256 cash = word.cash();
        int256 bond = int256(_ofClass(BONDS, word.reputationClass()));
        if (cash < bond) bond = cash;
        if (bond <= 0) return;
        Outcomes.pushBond(work.pass, account, uint256(bond));
    }

    /// @dev Begin the list of what can trade in the place of the rows, which have 32 bytes each where that takes 13.
    function _listTrades(Work memory work, uint256[] memory rows) internal pure {
        uint256 start;
        assembly ("memory-safe") {
            start := add(rows, 0x20)
        }
        work.trades = work.pass.tradesEnd = start;
    }

    /// @dev Say what the settlement will pay out. Checked arithmetic: rent cannot be negative, as energy flows over full
    /// lines from the lower price to the higher.
    function _setResult(SlotResult memory cleared, Work memory work) internal pure {
        BookPasses.Pass memory pass = work.pass;
        uint256 bought = pass.boughtWh;
        uint256 network = bought * work.networkCharge / WH_PER_KWH;
        uint256 fee = bought * work.fee / WH_PER_KWH;
        cleared.positionsHash = pass.positionsHash;
        cleared.networkMicro = uint64(network);
        cleared.feeMicro = uint64(fee);
        cleared.rentMicro = uint64(pass.buyersPay - pass.sellersGet - network - fee);
        cleared.boughtWh = uint56(bought);
        cleared.root = work.root;
    }

    // ------------------------------------------------------------------------------------------------------ small things

    /// @dev Append a relayed seal to the list that must be the committed one; `_begin` took 36 bytes for every record.
    function _pushEntry(BookPasses.Pass memory pass, uint256 row, bytes32 ticket) internal pure {
        uint256 end = pass.entriesEnd;
        assembly ("memory-safe") {
            mstore(end, shl(224, row))
            mstore(add(end, 4), ticket)
        }
        pass.entriesEnd = end + SEAL_BYTES;
    }

    /// @dev Put a record's own seal into its place. Who owns an account of the platform does not seal with it.
    function _placeOwn(BookPasses.Pass memory pass, uint256 row, uint256 word, bytes32 digest) internal pure {
        address owner = word.status() == AccountStatus.System ? address(0) : word.owner();
        _placeSeal(pass, row.arrivalOf(), owner, digest);
    }

    /// @dev Put an own seal into its place in the order of arrival; one beyond the list leaves a gap that the chain shows. In a
    /// book of several pages, take it into the product instead.
    function _placeSeal(BookPasses.Pass memory pass, uint256 arrival, address owner, bytes32 digest) internal pure {
        ++pass.ownSeals;
        if (arrival >= pass.places) {
            pass.ownProduct = BookPasses.product(pass.ownProduct, pass.challenge, arrival, owner, digest);
            return;
        }
        uint256 place = pass.arrivals + arrival * BookPasses.OWN_SEAL_BYTES;
        assembly ("memory-safe") {
            mstore(place, shl(96, owner))
            mstore(add(place, 20), digest)
        }
    }

    /// @dev Append a void order; `_begin` took 5 bytes for every record and a word of slack.
    function _pushVoid(BookPasses.Pass memory pass, uint256 account, uint256 reason) internal pure {
        uint256 end = pass.voidsEnd;
        assembly ("memory-safe") {
            mstore(end, or(shl(224, account), shl(216, reason)))
        }
        pass.voidsEnd = end + VOID_BYTES;
    }

    /// @dev Return what was appended between two pointers as bytes; their length goes into the word before, which `_begin` left.
    function _bytes(uint256 start, uint256 end) internal pure returns (bytes memory list) {
        assembly ("memory-safe") {
            list := sub(start, 0x20)
            mstore(list, sub(end, start))
        }
    }

    /// @dev Extend a running hash by the hash of a page: keccak256(running || hash).
    function _extended(bytes32 running, bytes32 hash) internal pure returns (bytes32 next) {
        assembly ("memory-safe") {
            mstore(0x00, running)
            mstore(0x20, hash)
            next := keccak256(0x00, 0x40)
        }
    }

    function _ofClass(uint256 packed, uint256 class) internal pure returns (uint256) {
        if (class > CLASS_MAX) class = CLASS_MAX;
        unchecked {
            return uint32(packed >> (class * CLASS_BITS));
        }
    }

    function _packed(uint32[8] memory numbers) internal pure returns (uint256 packed) {
        for (uint256 index = 0; index < numbers.length; ++index) {
            packed |= uint256(numbers[index]) << (index * CLASS_BITS);
        }
    }

    /// @dev Return an instant before the start of a slot, 0 if that is before time began.
    function _before(uint64 slot, uint256 lead) internal pure returns (uint256) {
        unchecked {
            uint256 start = uint256(slot) * SLOT_SECONDS;
            return start > lead ? start - lead : 0;
        }
    }

    /// @dev After the gate, and not yet cleared or lapsed.
    function _requireOpening(uint64 slot) internal view {
        if (block.timestamp < _gateOf(slot)) revert IDoubleAuction.GateStillOpen(slot, _gateOf(slot), block.timestamp);
        if (block.timestamp >= _clearUntil(slot)) {
            revert IDoubleAuction.WindowClosed(slot, _clearUntil(slot), block.timestamp);
        }
    }

    /// @dev Return the fact of a slot that can be cleared: what the relay committed to.
    function _requireClearing(uint64 slot) internal view returns (uint256 fact) {
        _requireOpening(slot);
        fact = _factOf[slot];
        if (fact > HASH_MASK) revert IDoubleAuction.AlreadyCleared(slot);
    }

    function _statusOf(uint256 fact) internal pure returns (Status) {
        return Status(fact >> STATUS_SHIFT);
    }

    function _fact(Status status, uint256 hash) internal pure returns (uint256) {
        return (uint256(status) << STATUS_SHIFT) | hash;
    }

    /// @dev Return the 248 bits that a slot's fact keeps of its result.
    function _hashOf(SlotResult memory cleared) internal pure returns (uint256) {
        // The struct is six words in memory, as it is encoded.
        uint256 hash;
        assembly ("memory-safe") {
            hash := keccak256(cleared, 0xc0)
        }
        return hash & HASH_MASK;
    }
}
