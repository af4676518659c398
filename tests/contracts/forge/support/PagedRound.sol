// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SlotResult} from "../../../../contracts/types/AuctionTypes.sol";
import {BookPage, Clearing} from "../../../../contracts/types/PageTypes.sol";
import {BONDS_ACCOUNT, ESCROW_ACCOUNT} from "../../../../contracts/types/SystemAccounts.sol";
import {PageCalls} from "./PageCalls.sol";

/// @title One slot at a time that is cleared in pages, beside the next one that is cleared in one call.
/// @dev Keeps what has become of the slot, and what every account must have by what was announced: the model that the
/// contracts are compared with at every step.
abstract contract PagedRound is PageCalls {
    /// @dev A whole clearing went through, and is taken back by this error.
    error WouldClear(bytes positions, SlotResult result);

    struct Round {
        uint64 slot;
        uint64 price;
        uint64 heldUntil;
        uint256 judged;
        uint256 filled;
        bool isOneChunk;
        bool begun;
        bool accepted;
        bool over;
        bool otherIsCleared;
    }

    uint256 private constant BOND = 1e6; // of class 0
    uint256 private constant OWN_SEAL_BYTES = 53;
    bytes32 private constant OTHER_ENVELOPES = bytes32(uint256(1));

    Round internal _round;
    Order[] internal _orders;
    bytes internal _book;
    bytes[] internal _calls; // what each call judges, ABI-encoded
    uint256[] private _pageOf; // by order
    bytes[] internal _states; // after so many calls; "" before the first
    bytes[] internal _outcomes;
    bytes[] internal _fillStates;
    bytes internal _positions;
    bytes32 private _expected; // hash of positions and result
    mapping(uint256 order => int256 amount) private _bondOf;
    Order[] internal _otherOrders;
    bytes internal _otherBook;

    /// @dev What every account must have.
    mapping(uint32 account => int256 amount) internal _cash;

    // what must never happen
    uint256 public certificatesMissing;
    uint256 public certificatesInExcess;
    uint256 public limitsViolated;
    uint256 public energyOutOfBalance;
    uint256 public differsFromWhatWasAccepted;
    uint256 public rightPagesRefused;

    /// @dev Whether an account has other cash than the movements that were due leave it.
    function cashDiffers() public view returns (bool) {
        for (uint256 i = 0; i < _accounts.length; ++i) {
            if (LEDGER.cashOf(_accounts[i]) != _cash[_accounts[i]]) return true;
        }
        return
            LEDGER.cashOf(ESCROW_ACCOUNT) != _cash[ESCROW_ACCOUNT]
                || LEDGER.cashOf(BONDS_ACCOUNT) != _cash[BONDS_ACCOUNT];
    }

    function _readCash() internal {
        for (uint256 i = 0; i < _accounts.length; ++i) {
            _cash[_accounts[i]] = LEDGER.cashOf(_accounts[i]);
        }
    }

    // -------------------------------------------------------------------------------------------------- beginning

    /// @dev Seals and commits two slots, one after the other, and waits until both may be cleared.
    function _begin(uint256 seed) internal {
        delete _round;
        delete _orders;
        delete _calls;
        delete _pageOf;
        delete _states;
        delete _outcomes;
        delete _fillStates;
        delete _positions;
        delete _otherOrders;
        _states.push("");
        uint64 slot = uint64(block.timestamp / 900) + 24;
        _round.slot = slot;
        LIMITS.publish(slot, _gridData);
        LIMITS.publish(slot + 1, _gridData);

        Order[] memory orders = _twoOrdersAtLeast(seed);
        for (uint256 i = 0; i < orders.length; ++i) {
            orders[i].silent = uint256(keccak256(abi.encode(seed, "silent", i))) % 6 == 0;
            _orders.push(orders[i]);
        }
        bytes32 root = _plan(_seal(slot, orders), seed);
        _commit(slot, root, uint32(orders.length));

        orders = _twoOrdersAtLeast(uint256(keccak256(abi.encode(seed, "other"))));
        for (uint256 i = 0; i < orders.length; ++i) {
            _otherOrders.push(orders[i]);
        }
        Sealed memory made = _seal(slot + 1, orders);
        _otherBook = _joined(made.records);
        _commit(slot + 1, _running(0, _joined(made.entries)), made.relayed);
        vm.warp(AUCTION.gateOf(slot + 1));
        _findCertificate();
    }

    function _twoOrdersAtLeast(uint256 seed) private view returns (Order[] memory orders) {
        while ((orders = _randomOrders(seed)).length < 2) {
            seed = uint256(keccak256(abi.encode(seed)));
        }
    }

    /// @dev Spreads records and own seals over pages of one or two records; returns the root of the relayed seals. A chunk of them
    /// ends with any page, or none does before the last.
    function _plan(Sealed memory made, uint256 seed) private returns (bytes32 root) {
        _book = _joined(made.records);
        bytes memory entries;
        uint256 seals = 0;
        for (uint256 i = 0; i < made.records.length;) {
            uint256 dice = uint256(keccak256(abi.encode(seed, "page", i)));
            BookPage memory page;
            for (uint256 end = i + 1 + dice % 2; i < end && i < made.records.length; ++i) {
                page.book = bytes.concat(page.book, made.records[i]);
                entries = bytes.concat(entries, made.entries[i]);
                _pageOf.push(_calls.length);
            }
            page.endsChunk = seed % 2 == 1 && dice & 2 == 2;
            if (page.endsChunk) (root, entries) = (_running(root, entries), "");
            uint256 next = seals + OWN_SEAL_BYTES * ((dice >> 8) % 3);
            if (next > made.ownSeals.length) next = made.ownSeals.length;
            (page.seals, seals) = (_slice(made.ownSeals, seals, next), next);
            _calls.push(abi.encode(page));
        }
        root = _running(root, entries);
        _round.isOneChunk = root == _running(0, _joined(made.entries));
        if (seals == made.ownSeals.length) return root;
        _calls.push(abi.encode(BookPage("", false, _slice(made.ownSeals, seals, made.ownSeals.length))));
    }

    /// @dev Finds the price at which the book clears in pages, and what it then comes to; in one call it must be the same.
    function _findCertificate() internal {
        (uint256 accepted, uint64 price, bytes memory reason) = _certificates(DSO_KEY);
        if (accepted == 0) ++certificatesMissing;
        if (accepted > 1) ++certificatesInExcess;
        if (accepted != 1) return;
        _round.price = price;
        _expected = keccak256(reason);
        if (!_round.isOneChunk) return;
        if (keccak256(_resultInOneCall()) != _expected) ++differsFromWhatWasAccepted;
    }

    // ------------------------------------------------------------------------------------------- whole clearings

    /// @dev Returns at how many of all candidate prices the slot would be cleared in pages, and what comes of the last.
    function _certificates(uint256 key) internal returns (uint256 accepted, uint64 price, bytes memory reason) {
        uint64[] memory candidates = _candidatePrices(_orders);
        for (uint256 i = 0; i < candidates.length; ++i) {
            try this.playAndTakeBack(candidates[i], key) {}
            catch (bytes memory why) {
                if (bytes4(why) != WouldClear.selector) continue;
                (price, reason) = (candidates[i], why);
                ++accepted;
            }
        }
    }

    /// @notice Plays the whole slot at a price with a verdict by a key, and reverts whatever comes of it.
    function playAndTakeBack(uint64 price, uint256 key) external {
        Clearing memory clearing = _clearing(price, OTHER_ENVELOPES, key); // so that no state is known yet
        bytes[] memory outcomes = new bytes[](_calls.length);
        uint256 pages = 0;
        bytes memory state;
        bytes memory filling;
        for (uint256 i = 0; i < _calls.length; ++i) {
            bytes memory outcome;
            (state, outcome, filling) = _sendPage(clearing, _calls[i], state);
            if (_hasBook(i)) outcomes[pages++] = outcome;
        }
        if (filling.length == 0) return;
        bytes memory all;
        for (uint256 i = 0; i < pages; ++i) {
            bytes memory positions;
            bytes memory result;
            (filling, positions, result) = _sendFill(clearing, outcomes[i], filling);
            all = bytes.concat(all, positions);
            if (result.length != 0) revert WouldClear(all, abi.decode(result, (SlotResult)));
        }
    }

    /// @notice Clears the paged slot in one call, and reverts whatever comes of it.
    function clearInOneCallAndTakeBack() external {
        vm.recordLogs();
        SlotResult memory result = AUCTION.clear(_submission(_round.slot, _book, _round.price, DSO_KEY));
        revert WouldClear(_positionsOf(vm.getRecordedLogs()), result);
    }

    function _resultInOneCall() internal returns (bytes memory) {
        try this.clearInOneCallAndTakeBack() {}
        catch (bytes memory reason) {
            if (bytes4(reason) == WouldClear.selector) return reason;
        }
        return "";
    }

    // --------------------------------------------------------------------------------------------- the right page

    /// @dev Judges the next call of the plan; true if it went through as it must.
    function _judgeNext() internal returns (bool) {
        uint256 call = _round.judged;
        try this.sendPage(abi.encode(_clearing(_round.price, 0, DSO_KEY)), _calls[call], _states[call]) returns (
            bytes memory state, bytes memory outcome, bytes memory filling
        ) {
            _noteHold();
            _noteBonds(call);
            _states.push(state);
            if (_hasBook(call)) _outcomes.push(outcome);
            if (++_round.judged < _calls.length) return filling.length == 0;
            (_round.accepted, _round.heldUntil) = (true, _round.slot * 900);
            _fillStates.push(filling);
            return filling.length != 0;
        } catch {
            return false;
        }
    }

    /// @dev Fills the next page and books what it announces; true if it went through.
    function _fillNext() internal returns (bool) {
        uint256 page = _round.filled;
        bytes memory clearing = abi.encode(_clearing(_round.price, 0, DSO_KEY));
        try this.sendFill(clearing, _outcomes[page], _fillStates[page]) returns (
            bytes memory state, bytes memory positions, bytes memory result
        ) {
            ++_round.filled;
            _positions = bytes.concat(_positions, positions);
            _bookPositions(_orders, positions);
            _bookBonds(page);
            if (result.length == 0) {
                _fillStates.push(state);
                return _round.filled < _outcomes.length;
            }
            (_round.over, _round.heldUntil) = (true, 0);
            SlotResult memory cleared = abi.decode(result, (SlotResult));
            bytes memory came = abi.encodeWithSelector(WouldClear.selector, _positions, cleared);
            if (keccak256(came) != _expected) ++differsFromWhatWasAccepted;
            if (_balance(_positions) != 0) ++energyOutOfBalance;
            return _round.filled == _outcomes.length;
        } catch {
            return false;
        }
    }

    /// @dev Books the positions of a page or slot in the model, and judges them by what their owners signed.
    function _bookPositions(Order[] memory orders, bytes memory positions) internal {
        for (uint256 offset = 0; offset < positions.length; offset += POSITION_BYTES) {
            (uint32 account, int32 energy, uint256 locked, uint256 release) = _position(positions, offset);
            bool isMeant = false;
            for (uint256 i = 0; i < orders.length; ++i) {
                if (_accounts[orders[i].trader] != account) continue;
                isMeant = _withinLimit(orders[i], energy, locked, release);
            }
            if (!isMeant) ++limitsViolated;
            _cash[account] -= int256(locked);
            _cash[ESCROW_ACCOUNT] += int256(locked);
        }
    }

    function _balance(bytes memory positions) internal pure returns (int256 balance) {
        for (uint256 offset = 0; offset < positions.length; offset += POSITION_BYTES) {
            (, int32 energy,,) = _position(positions, offset);
            balance += energy;
        }
    }

    /// @dev The first page of whatever clearing begins to hold the ledger.
    function _noteHold() internal {
        if (_round.begun) return;
        _round.begun = true;
        _round.heldUntil = uint64(AUCTION.clearUntil(_round.slot));
    }

    /// @dev A silent owner loses its bond, as far as it has cash when its page is judged.
    function _noteBonds(uint256 call) private {
        for (uint256 i = 0; i < _orders.length; ++i) {
            if (_pageOf[i] != call || !_orders[i].silent) continue;
            int256 cash = LEDGER.cashOf(_accounts[_orders[i].trader]);
            _bondOf[i] = cash < 0 ? int256(0) : cash < int256(BOND) ? cash : int256(BOND);
        }
    }

    function _bookBonds(uint256 call) private {
        for (uint256 i = 0; i < _orders.length; ++i) {
            if (_pageOf[i] != call || !_orders[i].silent) continue;
            _cash[_accounts[_orders[i].trader]] -= _bondOf[i];
            _cash[BONDS_ACCOUNT] += _bondOf[i];
        }
    }

    /// @dev The bonds of all silent owners at once, as clearing in one call takes them.
    function _takeAllBonds() internal {
        for (uint256 call = 0; call < _calls.length; ++call) {
            _noteBonds(call);
            _bookBonds(call);
        }
    }

    // ---------------------------------------------------------------------------------------------- small things

    function _clearing(uint64 price, bytes32 envelopes, uint256 key) internal view returns (Clearing memory clearing) {
        bytes32 bookHash = 0;
        for (uint256 i = 0; i < _calls.length; ++i) {
            bookHash = _running(bookHash, abi.decode(_calls[i], (BookPage)).book);
        }
        uint64[] memory prices = new uint64[](1);
        prices[0] = price;
        bytes memory verdict = _verdict(_round.slot, bookHash, price, envelopes, key);
        return Clearing(_round.slot, bookHash, prices, _gridData, "", envelopes, verdict);
    }

    function _hasBook(uint256 call) internal view returns (bool) {
        return abi.decode(_calls[call], (BookPage)).book.length != 0;
    }
}
