// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccountStatus} from "../types/AccountStatus.sol";

/// @title Ledger
/// @notice Cash accounts of all participants and of the platform's functions, one storage word each (`AccountWord`).
/// Credits enter by deposit and leave by a withdrawal in two steps; in between only the market contracts move cash, and
/// every movement sums to zero.
///
/// What always holds: the sum of the cash of all accounts, debts counted negative, is the ledger's balance of credits.
/// Every balance can be rebuilt from the events: `Deposited`, `Withdrawn` and `Moved` are all that changes cash.
/// @dev Amounts are micro-credits. Entries are `energyWh << 96 | account << 64 | uint64(int64 delta)`, plus is a credit to
/// the account. The energy, signed, is what the entry settles, or 0: more than the account's connection can carry in a slot
/// (300 Wh for each kW: a quarter of an hour and a fifth on top) is refused.
interface ILedger {
    // ------------------------------------------------------------------------------------------------------- events

    /// @notice A participant's account was opened.
    /// @param account Number of the account, rising from 16 without gaps.
    /// @param zone Zone of the grid that its connection belongs to.
    /// @param capacityKw Capacity of its connection in kW.
    event AccountOpened(uint32 indexed account, address indexed owner, uint8 zone, uint8 capacityKw);

    /// @notice Zone, status or capacity of an account were set.
    event AccountSet(uint32 indexed account, uint8 zone, AccountStatus status, uint8 capacityKw);

    /// @notice A system account has another owner now.
    event SystemOwnerSet(uint32 indexed account, address indexed owner);

    /// @notice Reputation classes were set.
    /// @param classes Account (4 bytes, big endian) and class (1 byte), one after the other.
    event ReputationClassesSet(bytes classes);

    /// @notice `amount` credits of `from` became cash of `account`.
    event Deposited(uint32 indexed account, address indexed from, uint64 amount);

    /// @notice A withdrawal was announced; it replaces an earlier one of the account.
    /// @param availableAt From this second on it may be carried out.
    event WithdrawalRequested(uint32 indexed account, uint64 amount, uint64 availableAt);

    /// @notice `amount` cash of `account` became credits of its owner.
    event Withdrawn(uint32 indexed account, address indexed to, uint64 amount);

    /// @notice A contract of the market may move cash from now on, or no longer.
    event MoverSet(address indexed mover, bool moves);

    /// @notice No cash is withdrawn before `until`, because `holder` has judged what covers orders and not moved it yet.
    event Held(address indexed holder, uint64 until);

    /// @notice Cash moved between accounts; the deltas sum to zero.
    /// @param entries Account (4 bytes) and delta (8 bytes, two's complement), big endian, one after the other.
    event Moved(bytes entries);

    // ------------------------------------------------------------------------------------------------------- errors

    /// @notice There is no such account.
    error LedgerUnknownAccount(uint32 account);

    /// @notice The account is, or is not, one of the platform's; the call is for the other kind.
    error LedgerWrongKindOfAccount(uint32 account, AccountStatus status);

    /// @notice The address owns an account already; one owner, one account.
    error LedgerOwnerHasAccount(address owner, uint32 account);

    /// @notice Only the owner of the account may do this.
    error LedgerNotOwner(uint32 account, address caller, address owner);

    /// @notice Only a contract of the market moves cash between accounts.
    error LedgerNotAMover(address caller);

    /// @notice The zero address, or the ledger itself, cannot own an account.
    error LedgerInvalidOwner(address owner);

    /// @notice A zone is a number below 32.
    error LedgerInvalidZone(uint8 zone);

    /// @notice A participant's account is active or suspended.
    error LedgerInvalidStatus(AccountStatus status);

    /// @notice The account has nobody who could ever take the money out again.
    error LedgerAccountWithoutOwner(uint32 account);

    /// @notice The cash of the account does not cover a debit.
    /// @param cash Cash before the movement.
    /// @param needed Amount to be debited.
    error LedgerInsufficientCash(uint32 account, int64 cash, uint64 needed);

    /// @notice The cash of the account would leave the range of int64.
    error LedgerCashOverflow(uint32 account, int64 cash, int256 delta);

    /// @notice The energy of an entry is more, withdrawn or injected, than the connection can carry in a slot.
    error LedgerAboveCapacity(uint32 account, int256 energyWh, uint256 capacityWh);

    /// @notice The deltas of a movement do not sum to zero.
    /// @param sum What they sum to.
    error LedgerUnbalanced(int256 sum);

    /// @notice A list of packed records ends in the middle of one.
    error LedgerMalformedList(uint256 length, uint256 recordLength);

    /// @notice No withdrawal of this account is waiting.
    error LedgerNoWithdrawal(uint32 account);

    /// @notice The withdrawal is still in its waiting time.
    error LedgerWithdrawalTooEarly(uint32 account, uint256 nowSeconds, uint64 availableAt);

    /// @notice Withdrawals wait while `holder` clears a slot in several transactions.
    error LedgerHeld(address holder, uint64 until);

    /// @notice There is no cash that could leave: it is zero, kept as reserve, or backs the debts of others.
    error LedgerNothingToWithdraw(uint32 account, int64 cash, uint64 kept);

    /// @notice Nobody may be charged or paid an amount of zero.
    error LedgerZeroAmount();

    /// @notice A waiting time of this length does not outlast an order between seal and clearing.
    error LedgerDelayTooShort(uint64 delay, uint64 needed);

    // ------------------------------------------------------------------------------- accounts (registry, reputation)

    /// @notice Opens the account of `owner` and returns its number. Stops while paused.
    /// @dev Role REGISTRY.
    /// @param zone Below 32.
    /// @param capacityKw Capacity of the connection in kW.
    function openAccount(address owner, uint8 zone, uint8 capacityKw) external returns (uint32 account);

    /// @notice Sets zone, status and capacity of a participant's account; its cash is out of reach.
    /// @dev Role REGISTRY.
    function setAccount(uint32 account, uint8 zone, AccountStatus status, uint8 capacityKw) external;

    /// @notice Sets who may withdraw from a system account. Escrow and stakes have no owner, ever.
    /// @dev Role ADMIN.
    function setSystemOwner(uint32 account, address owner) external;

    /// @notice Sets reputation classes.
    /// @dev Role SCORER.
    /// @param classes Account (4 bytes, big endian) and class (1 byte), one after the other.
    function setReputationClasses(bytes calldata classes) external;

    // --------------------------------------------------------------------------------------- cash of the participant

    /// @notice Takes `amount` credits from the caller and adds them to the cash of `account`. Stops while paused.
    function deposit(uint32 account, uint64 amount) external;

    /// @notice The same with an ERC-2612 permit of the caller, in one transaction. A permit that was used already does
    /// no harm: the deposit then rests on the allowance it left.
    function depositWithPermit(uint32 account, uint64 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external;

    /// @notice Announces that the owner wants to take out `amount`; replaces an earlier announcement. The cash stays in
    /// the account, tradable, until `withdraw`.
    function requestWithdrawal(uint32 account, uint64 amount) external;

    /// @notice Stops trading: suspends the account and announces the withdrawal of everything in it, the reserve too.
    function leaveMarket(uint32 account) external;

    /// @notice Pays the announced amount, or the cash that is there if that is less, to the owner of the account.
    /// Anyone may call it. It works while paused and while suspended. An active participant keeps `reserve` in the
    /// account, so that a bond cannot be dodged by withdrawing between seal and opening; the retailer keeps what backs
    /// the debts of others.
    /// While an auction clears a slot in pages it waits, some minutes at most: see `hold`.
    /// @return amount What was paid.
    function withdraw(uint32 account) external returns (uint64 amount);

    // ----------------------------------------------------------------------------------------- movements (market)

    /// @notice Says whether a contract of the market moves cash.
    /// @dev Role ADMIN. The ledger keeps this list itself: every clearing and every settlement asks, and would pay the
    /// access manager 11,000 gas for the answer.
    function setMover(address mover, bool moves) external;

    /// @notice Moves cash between accounts. Every debit must be covered.
    /// @dev For movers alone.
    /// @param entries See above; an account may occur more than once. Their deltas sum to zero.
    function move(uint256[] calldata entries) external;

    /// @notice Lets nothing be withdrawn before `until`, in seconds; 0 ends that. An auction that judges in one transaction what it
    /// moves in another holds what it has found covered. One contract at a time holds.
    /// @dev For movers alone.
    function hold(uint64 until) external;

    /// @notice Moves cash between accounts at settlement, where a participant may go into debt down to `-debtLimit`:
    /// what a debit exceeds that by is charged to the retailer instead, who may go below zero without limit. Other
    /// system accounts must cover their debits.
    /// @dev For movers alone. `Moved` shows the deltas that took effect, the retailer's included.
    function settle(uint256[] calldata entries) external;

    // -------------------------------------------------------------------------------------------------------- pause

    /// @notice Stops entry: deposits and new accounts. Movements and withdrawals go on. Role GUARDIAN.
    function pause() external;

    /// @notice Allows entry again. Role GUARDIAN.
    function unpause() external;

    // -------------------------------------------------------------------------------------------------------- views

    /// @notice Returns the words of accounts, as `AccountWord` reads them; 0 where there is none.
    /// @param accounts Account numbers, 4 bytes each, big endian, one after the other.
    function words(bytes calldata accounts) external view returns (uint256[] memory);

    /// @notice Returns the word of an account; 0 where there is none.
    function wordOf(uint32 account) external view returns (uint256);

    /// @notice Returns the cash of an account; negative is a debt.
    function cashOf(uint32 account) external view returns (int64);

    /// @notice Returns the participant's account of an owner; 0 where there is none.
    function accountOf(address owner) external view returns (uint32);

    /// @notice Returns whether a contract moves cash.
    function isMover(address mover) external view returns (bool);

    /// @notice Returns the announced withdrawal of an account; zeros where there is none.
    function withdrawalOf(uint32 account) external view returns (uint64 amount, uint64 availableAt);

    /// @notice Returns the highest account number given so far.
    function lastAccount() external view returns (uint32);

    /// @notice Returns the sum of the debts of all participants.
    function totalDebt() external view returns (uint64);

    /// @notice Returns the waiting time of a withdrawal in seconds.
    function withdrawalDelay() external view returns (uint64);

    /// @notice Returns how far a participant may go below zero.
    function debtLimit() external view returns (uint64);

    /// @notice Returns what an active participant keeps in the account when withdrawing.
    function reserve() external view returns (uint64);

    /// @notice Returns the credits that cash stands for.
    function credits() external view returns (address);
}
