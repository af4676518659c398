// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DoubleAuctionBase} from "./DoubleAuctionBase.sol";
import {IDoubleAuction} from "./interfaces/IDoubleAuction.sol";
import {IDoubleAuctionPages} from "./interfaces/IDoubleAuctionPages.sol";
import {BookPasses} from "./libraries/BookPasses.sol";
import {BookReader} from "./libraries/BookReader.sol";
// Constants that only assembly uses, where solhint does not look (2026-11-21).
/* solhint-disable no-unused-import */
import {Certificate, ZONE_BID_ABOVE, ZONE_BID_SHARE, ZONE_END, ZONE_PARENT} from "./libraries/Certificate.sol";
/* solhint-enable no-unused-import */
import {LedgerCalls} from "./libraries/LedgerCalls.sol";
import {OrderHash} from "./libraries/OrderHash.sol";
import {Outcomes} from "./libraries/Outcomes.sol";
import {AuctionParameters, SlotResult} from "./types/AuctionTypes.sol";
import {BookPage, Clearing, Filled, Judged, Outcome} from "./types/PageTypes.sol";
import {BONDS_ACCOUNT, ESCROW_ACCOUNT} from "./types/SystemAccounts.sol";

/// @title DoubleAuctionPages
/// @dev The manual is `IDoubleAuctionPages`. This is code of `DoubleAuction` that does not fit into one contract: the auction
/// creates it and calls it by delegatecall, in its own storage. Called directly it finds no DSO and can do nothing.
contract DoubleAuctionPages is DoubleAuctionBase {
    using BookReader for uint256;

    uint256 private constant STRANGER_BYTES = 53;
    uint256 private constant ZONE_WORDS = 10;
    uint256 private constant ARRIVALS_SHIFT = 40;

    constructor(address authority, AuctionParameters memory parameters) DoubleAuctionBase(authority, parameters) {}

    // ----------------------------------------------------------------------------------------------------------- judging

    /// @inheritdoc IDoubleAuctionPages
    function judgePage(Clearing calldata clearing, BookPage calldata page, bytes calldata state) external {
        BookPasses.Pass memory pass = BookPasses.place(clearing.slot, OrderHash.domainSeparator(address(this)));
        _requireClearing(clearing.slot);
        bytes32 id = keccak256(abi.encode(clearing));
        Judged memory judged = _resume(clearing, id, state);
        Certificate.Zone[] memory zones = _zones(clearing.gridData, clearing.prices);
        _load(zones, judged.zones);
        // A hash of everything by which both lists of own seals are fixed: that their products are the same and they are not is
        // as unlikely as a hash found by chance.
        pass.challenge = uint256(keccak256(abi.encode(id, _ownChainOf[clearing.slot])));
        pass.ownProduct = judged.ownInBook;
        Outcome memory outcome = _judgeBook(pass, judged, zones, clearing, page);
        judged.ownInBook = pass.ownProduct;
        _takeSeals(judged, page.seals, pass.challenge);
        judged.zones = _saved(zones);

        bytes memory next = abi.encode(judged);
        bytes32 key = _key(id, keccak256(next));
        if (_isReached[key]) revert AlreadyJudged(clearing.slot, keccak256(next));
        _isReached[key] = true;
        emit PageJudged(clearing.slot, id, outcome, next);
        uint64 heldUntil = _takeTurn(clearing.slot);
        if (judged.bookHash == clearing.bookHash && judged.ownChain == _ownChainOf[clearing.slot]) {
            _accept(clearing, id, judged, zones);
            heldUntil = uint64(clearing.slot * SLOT_SECONDS);
        }
        if (heldUntil != 0) LEDGER.hold(heldUntil);
    }

    /// @dev Return what was judged so far. The first page fixes the clearing, which needs the DSO's signature.
    function _resume(Clearing calldata clearing, bytes32 id, bytes calldata state)
        private
        view
        returns (Judged memory judged)
    {
        if (state.length != 0) {
            if (!_isReached[_key(id, keccak256(state))]) {
                revert UnknownState(clearing.slot, id, keccak256(state));
            }
            return abi.decode(state, (Judged));
        }
        if (clearing.bookHash == 0) revert EmptyBook(clearing.slot);
        _requireVerdict(clearing.slot, _verdictDigest(clearing), clearing.verdict);
        (judged.ownInBook, judged.ownInChain) = (1, 1);
    }

    function _verdictDigest(Clearing calldata clearing) private view returns (bytes32) {
        return OrderHash.verdictDigest(
            OrderHash.domainSeparator(address(this)),
            clearing.slot,
            clearing.bookHash,
            clearing.prices,
            _checkedGrid(clearing.slot, clearing.gridData, clearing.published),
            clearing.envelopeRoot
        );
    }

    /// @dev From the first page on nothing else may use the cash that covers the orders of this slot; return until when it is to
    /// be held, if it is not held yet.
    function _takeTurn(uint64 slot) private returns (uint64) {
        uint64 busy = _operator.busy;
        if (busy == slot) return 0;
        if (busy != 0) _requireOver(slot, busy);
        _operator.busy = slot;
        return uint64(_clearUntil(slot));
    }

    /// @dev Judge a page of a book, if the call has one, and return what comes of it.
    function _judgeBook(
        BookPasses.Pass memory pass,
        Judged memory judged,
        Certificate.Zone[] memory zones,
        Clearing calldata clearing,
        BookPage calldata page
    ) private view returns (Outcome memory outcome) {
        if (page.book.length == 0) return outcome;
        (uint256[] memory rows, bytes memory accounts) =
            BookReader.read(page.book, (judged.last & BookReader.RUN_MASK) | BookReader.MAY_END_IN_RUN);
        uint256[] memory words = LedgerCalls.words(LEDGER, accounts);
        Work memory work;
        _takeLists(work, pass, judged.entries, rows);
        work.slot = clearing.slot;
        work.domain = OrderHash.domainSeparator(address(this));
        _setTerms(work, zones, clearing.gridData);

        _requireLater(judged.last, rows[0]);
        judged.last = _lastOf(rows[rows.length - 1]);
        _judge(work, rows, words);
        outcome.trades = _bytes(work.trades, pass.tradesEnd);
        outcome.voids = _bytes(work.voids, pass.voidsEnd);
        judged.bookHash = _extended(judged.bookHash, keccak256(page.book));
        judged.outcomes = _appended(judged.outcomes, _hash(outcome));
        judged.entries = _bytes(work.entries, pass.entriesEnd);
        if (page.endsChunk) _endChunk(judged);
    }

    /// @dev Take memory for what judging a page of these records lists.
    function _takeLists(Work memory work, BookPasses.Pass memory pass, bytes memory entries, uint256[] memory rows)
        private
        pure
    {
        work.pass = pass;
        uint256 count = rows.length;
        _listTrades(work, rows);
        work.entries = LedgerCalls.take(entries.length + count * SEAL_BYTES + 64) + 32;
        pass.entriesEnd = work.entries + entries.length;
        _copy(entries, work.entries);
        work.voids = pass.voidsEnd = LedgerCalls.take(count * VOID_BYTES + 64) + 32;
    }

    /// @dev Refuse a page that begins with an own seal that arrived before the superseded one which the page before ended with.
    function _requireLater(uint256 last, uint256 row) private pure {
        uint256 arrivals = last >> ARRIVALS_SHIFT;
        if (arrivals == 0 || row.arrivalOf() >= arrivals) return;
        revert IDoubleAuction.NotTheLastSeal(uint32(last), arrivals - 1);
    }

    /// @dev Return what the next page must know of the last record of this one.
    function _lastOf(uint256 row) private pure returns (uint256 last) {
        last = row.accountOf();
        if (row.kindOf() & BookReader.SUPERSEDED_BIT == 0) return last;
        last |= BookReader.IN_RUN;
        if (row.kindOf() & BookReader.OWN_BIT != 0) last |= (row.arrivalOf() + 1) << ARRIVALS_SHIFT;
    }

    /// @dev Extend chain and product by the next own seals. The ledger is ours, and strangers are few (2026-11-21).
    // slither-disable-next-line calls-loop
    function _takeSeals(Judged memory judged, bytes calldata seals, uint256 challenge) private view {
        if (seals.length % STRANGER_BYTES != 0) revert IDoubleAuction.BadList(seals.length, STRANGER_BYTES);
        for (uint256 offset = 0; offset < seals.length; offset += STRANGER_BYTES) {
            address sender = address(bytes20(seals[offset + 1:offset + 21]));
            bytes32 digest = bytes32(seals[offset + 21:offset + STRANGER_BYTES]);
            if (seals[offset] == 0) {
                judged.ownInChain = BookPasses.product(judged.ownInChain, challenge, judged.arrivals, sender, digest);
            } else if (LEDGER.accountOf(sender) != 0) {
                revert IDoubleAuction.NotAStranger(sender);
            }
            judged.ownChain = OrderHash.chain(judged.ownChain, sender, digest);
            ++judged.arrivals;
        }
    }

    function _endChunk(Judged memory judged) private pure {
        if (judged.entries.length == 0) return;
        judged.entriesHash = _extended(judged.entriesHash, keccak256(judged.entries));
        judged.entries = "";
    }

    /// @dev Accept a clearing of which every page was judged, or refuse it: it is none of this slot's, or not the optimum.
    function _accept(Clearing calldata clearing, bytes32 id, Judged memory judged, Certificate.Zone[] memory zones)
        private
    {
        uint64 slot = clearing.slot;
        _endChunk(judged);
        uint256 fact = _factOf[slot];
        if (uint256(judged.entriesHash) & HASH_MASK != fact) {
            revert IDoubleAuction.WrongEntries(slot, fact, judged.entriesHash);
        }
        if (judged.ownInBook != judged.ownInChain) {
            revert IDoubleAuction.WrongOwnSeals(slot, bytes32(judged.ownInChain), bytes32(judged.ownInBook));
        }
        Certificate.judge(zones);
        Certificate.share(zones);
        Filled memory filled;
        filled.root = judged.entriesHash;
        filled.outcomes = judged.outcomes;
        filled.zones = _saved(zones);
        bytes memory next = abi.encode(filled);
        _factOf[slot] = _filling(id, keccak256(next));
        emit Accepted(slot, clearing, next);
    }

    // ----------------------------------------------------------------------------------------------------------- filling

    /// @inheritdoc IDoubleAuctionPages
    function fillPage(Clearing calldata clearing, Outcome calldata outcome, bytes calldata state) external {
        uint64 slot = clearing.slot;
        BookPasses.Pass memory pass = BookPasses.place(slot, 0);
        bytes32 id = keccak256(abi.encode(clearing));
        Filled memory filled = _checkedState(slot, id, state);
        _requireOutcome(slot, filled, outcome);
        Certificate.Zone[] memory zones = _zones(clearing.gridData, clearing.prices);
        _load(zones, filled.zones);
        Work memory work;
        work.pass = pass;
        _fill(work, clearing, filled, zones, outcome.trades);

        bool isHeld = false;
        if (++filled.page == filled.outcomes.length) {
            isHeld = _finish(clearing, work, outcome.voids);
        } else {
            filled.zones = _saved(zones);
            bytes memory next = abi.encode(filled);
            _factOf[slot] = _filling(id, keccak256(next));
            emit PageFilled(slot, _bytes(work.positions, work.pass.positionsEnd), outcome.voids, next);
        }
        LedgerCalls.settle(LEDGER, work.moves, work.pass.movesEnd);
        if (isHeld) LEDGER.hold(0);
    }

    /// @dev Return how far the slot's accepted clearing is filled.
    function _checkedState(uint64 slot, bytes32 id, bytes calldata state) private view returns (Filled memory) {
        uint256 fact = _factOf[slot];
        if (_statusOf(fact) != Status.Filling) revert NotAccepted(slot, _phase(slot, fact));
        if (_filling(id, keccak256(state)) != fact) revert UnknownState(slot, id, keccak256(state));
        return abi.decode(state, (Filled));
    }

    function _requireOutcome(uint64 slot, Filled memory filled, Outcome calldata outcome) private pure {
        bytes32 found = _hash(outcome);
        bytes32 needed = filled.outcomes[filled.page];
        if (found != needed) revert WrongOutcome(slot, filled.page, needed, found);
    }

    /// @dev List positions and movements of a page, and add up the totals. What an account has less than its order was covered
    /// with went to the settlement of earlier slots, so it owes what is missing as if that had come later.
    function _fill(
        Work memory work,
        Clearing calldata clearing,
        Filled memory filled,
        Certificate.Zone[] memory zones,
        bytes calldata trades
    ) private view {
        // Whole entries are counted before their bytes, which is meant (2026-11-21).
        // slither-disable-next-line divide-before-multiply
        uint256 count = trades.length / Outcomes.ENTRY_BYTES;
        BookPasses.Pass memory pass = work.pass;
        _setTerms(work, zones, clearing.gridData);
        work.positions = pass.positionsEnd = LedgerCalls.take(count * POSITION_BYTES + 64) + 32;
        (work.moves, pass.movesEnd) = LedgerCalls.begin(count + 2);
        pass.positionsHash = filled.positionsHash;
        (pass.buyersPay, pass.sellersGet) = (filled.buyersPay, filled.sellersGet);
        (pass.collateral, pass.boughtWh) = (filled.collateral, filled.boughtWh);
        work.root = filled.root;

        uint256 entries = LedgerCalls.take(trades.length + 32);
        assembly ("memory-safe") {
            calldatacopy(entries, trades.offset, trades.length)
        }
        uint256 bonds = Outcomes.fill(entries, entries + trades.length);
        uint256 locked = pass.buyersPay + pass.collateral - filled.buyersPay - filled.collateral;
        pass.movesEnd = LedgerCalls.push(pass.movesEnd, ESCROW_ACCOUNT, int256(locked));
        pass.movesEnd = LedgerCalls.push(pass.movesEnd, BONDS_ACCOUNT, int256(bonds));
        filled.positionsHash = pass.positionsHash;
        (filled.buyersPay, filled.sellersGet) = (pass.buyersPay, pass.sellersGet);
        (filled.collateral, filled.boughtWh) = (pass.collateral, pass.boughtWh);
    }

    /// @dev The slot is cleared, and others may be. Return whether the ledger is still held for it.
    function _finish(Clearing calldata clearing, Work memory work, bytes calldata voids) private returns (bool) {
        SlotResult memory cleared;
        _setResult(cleared, work);
        _factOf[clearing.slot] = _fact(Status.Cleared, _hashOf(cleared));
        emit IDoubleAuction.Cleared(
            clearing.slot,
            clearing.bookHash,
            clearing.prices,
            keccak256(clearing.gridData),
            clearing.envelopeRoot,
            _bytes(work.positions, work.pass.positionsEnd),
            voids,
            cleared
        );
        if (_operator.busy != clearing.slot) return false;
        _operator.busy = 0;
        return true;
    }

    // ------------------------------------------------------------------------------------------------------ small things

    /// @dev Put what was found in each zone where the passes and the certificate have it.
    function _load(Certificate.Zone[] memory zones, uint256[] memory words) private pure {
        // 10 words a zone: its fields from bidAbove to up, and from bidShare to offerRunning.
        assembly ("memory-safe") {
            let from := add(words, 0x20)
            for { let at := add(zones, 0x20) } lt(from, add(add(words, 0x20), shl(5, mload(words)))) {
                at := add(at, 0x20)
            } {
                let zone := mload(at)
                for { let field := ZONE_BID_ABOVE } lt(field, ZONE_PARENT) { field := add(field, 0x20) } {
                    mstore(add(zone, field), mload(from))
                    from := add(from, 0x20)
                }
                for { let field := ZONE_BID_SHARE } lt(field, ZONE_END) { field := add(field, 0x20) } {
                    mstore(add(zone, field), mload(from))
                    from := add(from, 0x20)
                }
            }
        }
    }

    /// @dev Return what `_load` takes.
    function _saved(Certificate.Zone[] memory zones) private pure returns (uint256[] memory words) {
        words = new uint256[](zones.length * ZONE_WORDS);
        assembly ("memory-safe") {
            let to := add(words, 0x20)
            for { let at := add(zones, 0x20) } lt(to, add(add(words, 0x20), shl(5, mload(words)))) {
                at := add(at, 0x20)
            } {
                let zone := mload(at)
                for { let field := ZONE_BID_ABOVE } lt(field, ZONE_PARENT) { field := add(field, 0x20) } {
                    mstore(to, mload(add(zone, field)))
                    to := add(to, 0x20)
                }
                for { let field := ZONE_BID_SHARE } lt(field, ZONE_END) { field := add(field, 0x20) } {
                    mstore(to, mload(add(zone, field)))
                    to := add(to, 0x20)
                }
            }
        }
    }

    function _copy(bytes memory source, uint256 target) private pure {
        // whole words; the caller took a word of slack
        assembly ("memory-safe") {
            for { let offset := 0 } lt(offset, mload(source)) { offset := add(offset, 0x20) } {
                mstore(add(target, offset), mload(add(add(source, 0x20), offset)))
            }
        }
    }

    function _appended(bytes32[] memory list, bytes32 last) private pure returns (bytes32[] memory longer) {
        longer = new bytes32[](list.length + 1);
        for (uint256 index = 0; index < list.length; ++index) {
            longer[index] = list[index];
        }
        longer[list.length] = last;
    }

    function _hash(Outcome memory outcome) private pure returns (bytes32) {
        return keccak256(abi.encode(keccak256(outcome.trades), keccak256(outcome.voids)));
    }

    function _key(bytes32 id, bytes32 state) private pure returns (bytes32) {
        return keccak256(abi.encode(id, state));
    }

    function _filling(bytes32 id, bytes32 state) private pure returns (uint256) {
        return _fact(Status.Filling, uint256(_key(id, state)) & HASH_MASK);
    }
}
