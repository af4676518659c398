// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILedger} from "./interfaces/ILedger.sol";
import {AccountWord} from "./libraries/AccountWord.sol";
import {LedgerCalls} from "./libraries/LedgerCalls.sol";
import {AccountStatus} from "./types/AccountStatus.sol";
import {
    ESCROW_ACCOUNT,
    FIRST_PARTICIPANT,
    LAST_SYSTEM_ACCOUNT,
    RETAILER_ACCOUNT,
    STAKES_ACCOUNT
} from "./types/SystemAccounts.sol";
import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title Ledger
/// @dev The manual is `ILedger`.
contract Ledger is ILedger, AccessManaged, Pausable {
    using AccountWord for uint256;
    using SafeERC20 for IERC20;

    /// @dev An announced withdrawal; `availableAt` is 0 where there is none.
    struct Withdrawal {
        uint64 amount;
        uint64 availableAt;
    }

    /// @dev From seal to clearing an order may take this long; a withdrawal must not be faster.
    uint64 private constant SHORTEST_DELAY = 4 hours;
    uint8 private constant ZONES = 32;
    uint256 private constant ACCOUNT_BYTES = 4;
    uint256 private constant CLASS_BYTES = 5;
    uint256 private constant MOVED_BYTES = 12;
    uint256 private constant MOVED_HEAD = 64;
    uint256 private constant CAPACITY_WH_PER_KW = 300;

    IERC20 private immutable CREDITS;
    uint64 private immutable DELAY;
    uint64 private immutable DEBT_LIMIT;
    uint64 private immutable RESERVE;

    uint32 private _lastAccount = FIRST_PARTICIPANT - 1;
    uint64 private _totalDebt;
    mapping(address owner => uint32 account) private _accountOf;
    mapping(uint32 account => Withdrawal withdrawal) private _withdrawals;
    /// @dev Indexed by account. An array of this kind needs no hash to find a word, which every order's path notices.
    uint256[1 << 32] private _words;
    mapping(address mover => bool moves) private _movers;
    /// @dev One word: who holds up withdrawals, and until when.
    address private _holder;
    uint64 private _heldUntil;

    /// @param authority Access manager.
    /// @param credits_ Token that cash stands for; it must move exactly the amounts it is told.
    /// @param withdrawalDelay_ Waiting time of a withdrawal in seconds, at least four hours.
    /// @param debtLimit_ How far a participant may go below zero at settlement.
    /// @param reserve_ What an active participant keeps in the account when withdrawing: the highest bond.
    constructor(address authority, IERC20 credits_, uint64 withdrawalDelay_, uint64 debtLimit_, uint64 reserve_)
        AccessManaged(authority)
    {
        if (withdrawalDelay_ < SHORTEST_DELAY) revert LedgerDelayTooShort(withdrawalDelay_, SHORTEST_DELAY);
        CREDITS = credits_;
        DELAY = withdrawalDelay_;
        DEBT_LIMIT = debtLimit_;
        RESERVE = reserve_;
        for (uint32 account = 1; account <= LAST_SYSTEM_ACCOUNT; ++account) {
            _words[account] = AccountWord.pack(address(0), 0, AccountStatus.System, 0);
        }
    }

    // ----------------------------------------------------------------------------------------------------- accounts

    /// @inheritdoc ILedger
    function openAccount(address owner, uint8 zone, uint8 capacityKw)
        external
        restricted
        whenNotPaused
        returns (uint32 account)
    {
        if (owner == address(0) || owner == address(this)) revert LedgerInvalidOwner(owner);
        if (_accountOf[owner] != 0) revert LedgerOwnerHasAccount(owner, _accountOf[owner]);
        if (zone >= ZONES) revert LedgerInvalidZone(zone);
        account = ++_lastAccount;
        _accountOf[owner] = account;
        _words[account] = AccountWord.pack(owner, zone, AccountStatus.Active, capacityKw);
        emit AccountOpened(account, owner, zone, capacityKw);
    }

    /// @inheritdoc ILedger
    function setAccount(uint32 account, uint8 zone, AccountStatus status, uint8 capacityKw) external restricted {
        uint256 word = _participant(account);
        if (zone >= ZONES) revert LedgerInvalidZone(zone);
        if (status != AccountStatus.Active && status != AccountStatus.Suspended) revert LedgerInvalidStatus(status);
        _words[account] = word.withZone(zone).withStatus(status).withCapacityKw(capacityKw);
        emit AccountSet(account, zone, status, capacityKw);
    }

    /// @inheritdoc ILedger
    function setSystemOwner(uint32 account, address owner) external restricted {
        uint256 word = _existing(account);
        if (word.status() != AccountStatus.System) revert LedgerWrongKindOfAccount(account, word.status());
        if (account == ESCROW_ACCOUNT || account == STAKES_ACCOUNT) revert LedgerAccountWithoutOwner(account);
        if (owner == address(0) || owner == address(this)) revert LedgerInvalidOwner(owner);
        _words[account] = word.withOwner(owner);
        emit SystemOwnerSet(account, owner);
    }

    /// @inheritdoc ILedger
    function setReputationClasses(bytes calldata classes) external restricted {
        if (classes.length % CLASS_BYTES != 0) revert LedgerMalformedList(classes.length, CLASS_BYTES);
        for (uint256 offset = 0; offset < classes.length; offset += CLASS_BYTES) {
            uint32 account = uint32(bytes4(classes[offset:offset + ACCOUNT_BYTES]));
            _words[account] = _participant(account).withReputationClass(uint8(classes[offset + ACCOUNT_BYTES]));
        }
        emit ReputationClassesSet(classes);
    }

    // --------------------------------------------------------------------------------------- cash of the participant

    /// @inheritdoc ILedger
    function deposit(uint32 account, uint64 amount) external {
        _deposit(account, amount);
    }

    /// @inheritdoc ILedger
    // The credits are ours and call nobody; the permit has to come before the deposit that uses it (2026-11-21).
    // slither-disable-next-line reentrancy-benign,reentrancy-events
    function depositWithPermit(uint32 account, uint64 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
    {
        // Whoever saw the permit in the pool may have used it first: then the allowance is there and the deposit goes on.
        try IERC20Permit(address(CREDITS)).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
        _deposit(account, amount);
    }

    /// @inheritdoc ILedger
    function requestWithdrawal(uint32 account, uint64 amount) external {
        _requireOwner(account);
        if (amount == 0) revert LedgerZeroAmount();
        _announce(account, amount);
    }

    /// @inheritdoc ILedger
    function leaveMarket(uint32 account) external {
        uint256 word = _requireOwner(account);
        if (word.status() == AccountStatus.System) revert LedgerWrongKindOfAccount(account, AccountStatus.System);
        _words[account] = word.withStatus(AccountStatus.Suspended);
        emit AccountSet(account, word.zone(), AccountStatus.Suspended, word.capacityKw());
        _announce(account, type(uint64).max);
    }

    /// @inheritdoc ILedger
    function withdraw(uint32 account) external returns (uint64 amount) {
        Withdrawal memory announced = _withdrawals[account];
        if (announced.availableAt == 0) revert LedgerNoWithdrawal(account);
        if (block.timestamp < announced.availableAt) {
            revert LedgerWithdrawalTooEarly(account, block.timestamp, announced.availableAt);
        }
        uint256 word = _words[account];
        if (block.timestamp < _heldUntil) revert LedgerHeld(_holder, _heldUntil);
        uint64 kept = _kept(account, word);
        amount = _free(word.cash(), kept);
        if (amount == 0) revert LedgerNothingToWithdraw(account, word.cash(), kept);
        if (amount > announced.amount) amount = announced.amount;

        delete _withdrawals[account];
        // amount is at most the cash, which is positive, so both casts keep it
        _words[account] = word.withCash(word.cash() - int64(amount));
        emit Withdrawn(account, word.owner(), amount);

        CREDITS.safeTransfer(word.owner(), amount);
    }

    // ---------------------------------------------------------------------------------------------------- movements

    /// @inheritdoc ILedger
    function setMover(address mover, bool moves) external restricted {
        _movers[mover] = moves;
        emit MoverSet(mover, moves);
    }

    /// @inheritdoc ILedger
    function move(uint256[] calldata entries) external {
        _requireMover();
        _apply(entries, false);
    }

    /// @inheritdoc ILedger
    function settle(uint256[] calldata entries) external {
        _requireMover();
        _apply(entries, true);
    }

    /// @inheritdoc ILedger
    function hold(uint64 until) external {
        _requireMover();
        if (block.timestamp < _heldUntil && msg.sender != _holder) revert LedgerHeld(_holder, _heldUntil);
        (_holder, _heldUntil) = (msg.sender, until);
        emit Held(msg.sender, until);
    }

    // -------------------------------------------------------------------------------------------------------- pause

    /// @inheritdoc ILedger
    function pause() external restricted {
        _pause();
    }

    /// @inheritdoc ILedger
    function unpause() external restricted {
        _unpause();
    }

    // -------------------------------------------------------------------------------------------------------- views

    /// @inheritdoc ILedger
    function words(bytes calldata accounts) external view returns (uint256[] memory) {
        if (accounts.length % ACCOUNT_BYTES != 0) revert LedgerMalformedList(accounts.length, ACCOUNT_BYTES);
        uint256 count = accounts.length / ACCOUNT_BYTES;
        // Ends the call with offset, length and list as the compiler would encode them. Reads `count` numbers inside `accounts`,
        // eight from one word while there are so many; each is below 2^32, so every slot read lies in `_words`.
        assembly ("memory-safe") {
            let answer := mload(0x40)
            mstore(answer, 0x20)
            mstore(add(answer, 0x20), count)
            let source := accounts.offset
            let target := add(answer, 0x40)
            let end := add(target, shl(5, count))
            for {} lt(add(target, 0xe0), end) { target := add(target, 0x100) } {
                let eight := calldataload(source)
                mstore(target, sload(add(_words.slot, shr(224, eight))))
                mstore(add(target, 0x20), sload(add(_words.slot, and(shr(192, eight), 0xffffffff))))
                mstore(add(target, 0x40), sload(add(_words.slot, and(shr(160, eight), 0xffffffff))))
                mstore(add(target, 0x60), sload(add(_words.slot, and(shr(128, eight), 0xffffffff))))
                mstore(add(target, 0x80), sload(add(_words.slot, and(shr(96, eight), 0xffffffff))))
                mstore(add(target, 0xa0), sload(add(_words.slot, and(shr(64, eight), 0xffffffff))))
                mstore(add(target, 0xc0), sload(add(_words.slot, and(shr(32, eight), 0xffffffff))))
                mstore(add(target, 0xe0), sload(add(_words.slot, and(eight, 0xffffffff))))
                source := add(source, 0x20)
            }
            for {} lt(target, end) { target := add(target, 0x20) } {
                mstore(target, sload(add(_words.slot, shr(224, calldataload(source)))))
                source := add(source, 4)
            }
            return(answer, sub(end, answer))
        }
    }

    /// @inheritdoc ILedger
    function wordOf(uint32 account) external view returns (uint256) {
        return _words[account];
    }

    /// @inheritdoc ILedger
    function cashOf(uint32 account) external view returns (int64) {
        return _words[account].cash();
    }

    /// @inheritdoc ILedger
    function accountOf(address owner) external view returns (uint32) {
        return _accountOf[owner];
    }

    /// @inheritdoc ILedger
    function isMover(address mover) external view returns (bool) {
        return _movers[mover];
    }

    /// @inheritdoc ILedger
    function withdrawalOf(uint32 account) external view returns (uint64 amount, uint64 availableAt) {
        Withdrawal memory announced = _withdrawals[account];
        return (announced.amount, announced.availableAt);
    }

    /// @inheritdoc ILedger
    function lastAccount() external view returns (uint32) {
        return _lastAccount;
    }

    /// @inheritdoc ILedger
    function totalDebt() external view returns (uint64) {
        return _totalDebt;
    }

    /// @inheritdoc ILedger
    function withdrawalDelay() external view returns (uint64) {
        return DELAY;
    }

    /// @inheritdoc ILedger
    function debtLimit() external view returns (uint64) {
        return DEBT_LIMIT;
    }

    /// @inheritdoc ILedger
    function reserve() external view returns (uint64) {
        return RESERVE;
    }

    /// @inheritdoc ILedger
    function credits() external view returns (address) {
        return address(CREDITS);
    }

    // ---------------------------------------------------------------------------------------- deposit and withdrawal

    function _deposit(uint32 account, uint64 amount) private whenNotPaused {
        uint256 word = _existing(account);
        if (word.owner() == address(0)) revert LedgerAccountWithoutOwner(account);
        if (amount == 0) revert LedgerZeroAmount();
        int256 changed = int256(word.cash()) + int256(uint256(amount));
        if (changed > type(int64).max) revert LedgerCashOverflow(account, word.cash(), int256(uint256(amount)));
        _setCash(account, word, changed);
        emit Deposited(account, msg.sender, amount);

        CREDITS.safeTransferFrom(msg.sender, address(this), amount);
    }

    function _announce(uint32 account, uint64 amount) private {
        uint64 availableAt = uint64(block.timestamp) + DELAY;
        _withdrawals[account] = Withdrawal({amount: amount, availableAt: availableAt});
        emit WithdrawalRequested(account, amount, availableAt);
    }

    /// @dev Returns what must stay in the account.
    function _kept(uint32 account, uint256 word) private view returns (uint64) {
        if (word.status() == AccountStatus.Active) return RESERVE;
        return account == RETAILER_ACCOUNT ? _totalDebt : 0;
    }

    /// @dev Returns what of `cash` is above `kept`, or 0.
    function _free(int64 cash, uint64 kept) private pure returns (uint64) {
        // a positive int64 is a uint64
        return cash > 0 && uint64(cash) > kept ? uint64(cash) - kept : 0;
    }

    // ---------------------------------------------------------------------------------------------- movements, inside

    function _requireMover() private view {
        if (!_movers[msg.sender]) revert LedgerNotAMover(msg.sender);
    }

    /// @dev Applies entries and says so in one event. With `mayOwe` as `settle` does, else as `move` does.
    /// Most entries are ordinary: of an existing account, energy within its capacity, cash within [0, 2^56) before and
    /// after. The loop does those by itself, since it runs for every filled order, and leaves the others to `_applyOne`.
    function _apply(uint256[] calldata entries, bool mayOwe) private {
        // what the event will say, in the form in which it says it: offset of the list, its length, the list
        uint256 moved = LedgerCalls.take(MOVED_HEAD + (entries.length + 1) * MOVED_BYTES + 32);
        uint256 end = moved + MOVED_HEAD;
        uint256 source;
        uint256 sourceEnd;
        assembly ("memory-safe") {
            source := entries.offset
            sourceEnd := add(source, shl(5, entries.length))
        }
        int256 sum = 0;
        int256 carried = 0;
        while (source < sourceEnd) {
            // `source` lies inside `entries`. A slot is of an account number, so it lies in `_words`. As the cash stays in
            // [0, 2^56), adding the delta at its place neither borrows from nor carries into the fields beside it; where it
            // does not stay there, its top byte is not zero before or after: a delta is at least -2^63 and less than 2^63.
            // A sum of less than 2^64 int64 stays inside int256. The twelve bytes of the entry and the twenty behind them lie
            // inside the allocation; the next entry overwrites those.
            assembly ("memory-safe") {
                for {} lt(source, sourceEnd) {} {
                    let entry := calldataload(source)
                    let delta := signextend(7, entry)
                    let slot := add(_words.slot, and(shr(64, entry), 0xffffffff))
                    let word := sload(slot)
                    let changed := add(word, shl(160, delta))
                    // energy of at least one more than the capacity, no such account, or the top byte of the cash in use
                    if or(
                        sdiv(sar(96, entry), add(1, mul(shr(248, word), CAPACITY_WH_PER_KW))),
                        or(iszero(word), byte(4, or(word, changed)))
                    ) { break }
                    sstore(slot, changed)
                    sum := add(sum, delta)
                    mstore(end, shl(160, entry))
                    end := add(end, 12)
                    source := add(source, 0x20)
                }
            }
            if (source == sourceEnd) break;
            uint256 other;
            // inside `entries` still
            assembly ("memory-safe") {
                other := calldataload(source)
                source := add(source, 0x20)
            }
            uint32 account = uint32(other >> 64); // cuts exactly the field
            int256 asked = int64(uint64(other)); // cuts exactly the field
            int256 effect = _applyOne(account, asked, mayOwe);
            _requireWithinCapacity(account, int256(other) >> 96);
            sum += asked;
            carried += asked - effect;
            end = _append(end, account, effect);
        }
        if (sum != 0) revert LedgerUnbalanced(sum);
        if (carried != 0) {
            end = _append(end, RETAILER_ACCOUNT, _applyOne(RETAILER_ACCOUNT, carried, mayOwe));
        }
        _emitMoved(moved, end);
    }

    /// @dev Emits `Moved` with the list between `moved + MOVED_HEAD` and `end`, which the compiler would copy for it.
    function _emitMoved(uint256 moved, uint256 end) private {
        bytes32 topic = Moved.selector;
        // The list has room for the zeros behind it that end its last word.
        assembly ("memory-safe") {
            let length := sub(end, add(moved, MOVED_HEAD))
            mstore(moved, 0x20)
            mstore(add(moved, 0x20), length)
            mstore(end, 0)
            log1(moved, add(MOVED_HEAD, and(add(length, 0x1f), not(0x1f))), topic)
        }
    }

    /// @dev Applies a delta to an account of any kind by all the rules and returns how much of it took effect.
    function _applyOne(uint32 account, int256 delta, bool mayOwe) private returns (int256 effect) {
        uint256 word = _existing(account);
        int256 cash = word.cash();
        int256 changed = cash + delta;
        if (delta < 0 && changed < 0) {
            bool system = word.status() == AccountStatus.System;
            if (!mayOwe || (system && account != RETAILER_ACCOUNT)) {
                // below zero by less than 2^255, so its opposite is a uint256; beyond uint64 only for what is carried
                revert LedgerInsufficientCash(account, word.cash(), uint64(uint256(-delta)));
            }
            if (!system) changed = _notBelowDebtLimit(cash, changed);
        }
        if (changed > type(int64).max || changed < type(int64).min) {
            revert LedgerCashOverflow(account, word.cash(), delta);
        }
        _setCash(account, word, changed);
        return changed - cash;
    }

    /// @dev Returns `changed`, or the debt limit if a debit would go below it, or `cash` if that is below it already.
    function _notBelowDebtLimit(int256 cash, int256 changed) private view returns (int256) {
        int256 floor = -int256(uint256(DEBT_LIMIT));
        if (changed >= floor) return changed;
        return cash < floor ? cash : floor;
    }

    /// @dev Writes `changed`, which must fit int64, as the cash of an account, and keeps the sum of the participants'
    /// debts.
    function _setCash(uint32 account, uint256 word, int256 changed) private {
        int256 cash = word.cash();
        if ((cash < 0 || changed < 0) && word.status() != AccountStatus.System) {
            int256 before = cash < 0 ? -cash : int256(0);
            int256 later = changed < 0 ? -changed : int256(0);
            // the sum of less than 2^32 debts, each at most the debt limit of 2^63 or less, is checked by the cast below
            _totalDebt = SafeCast.toUint64(uint256(int256(uint256(_totalDebt)) + later - before));
        }
        _words[account] = word.withCash(int64(changed));
    }

    /// @dev Writes the twelve bytes of an entry at `end`, inside the list of `_apply`, and returns where the next goes.
    function _append(uint256 end, uint256 account, int256 delta) private pure returns (uint256) {
        uint256 entry = (account << 64) | uint64(int64(delta)); // a delta that took effect is an int64
        // that list has room for one entry more than given, and for the rest of the word
        assembly ("memory-safe") {
            mstore(end, shl(160, entry))
        }
        return end + MOVED_BYTES;
    }

    // ------------------------------------------------------------------------------------------------------- guards

    function _existing(uint32 account) private view returns (uint256 word) {
        word = _words[account];
        if (word == 0) revert LedgerUnknownAccount(account);
    }

    /// @dev Refuses energy, withdrawn or injected, that the connection of the account cannot carry in a slot.
    function _requireWithinCapacity(uint32 account, int256 energyWh) private view {
        uint256 capacityWh = _words[account].capacityKw() * CAPACITY_WH_PER_KW;
        if (energyWh > int256(capacityWh) || energyWh < -int256(capacityWh)) {
            // below 2^8 * 300
            revert LedgerAboveCapacity(account, energyWh, capacityWh);
        }
    }

    function _participant(uint32 account) private view returns (uint256 word) {
        word = _existing(account);
        if (word.status() == AccountStatus.System) revert LedgerWrongKindOfAccount(account, AccountStatus.System);
    }

    function _requireOwner(uint32 account) private view returns (uint256 word) {
        word = _existing(account);
        if (word.owner() != msg.sender) revert LedgerNotOwner(account, msg.sender, word.owner());
    }
}
