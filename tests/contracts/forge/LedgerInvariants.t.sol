// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Credits} from "../../../contracts/Credits.sol";
import {Ledger} from "../../../contracts/Ledger.sol";
import {Roles} from "../../../contracts/libraries/Roles.sol";
import {ESCROW_ACCOUNT, RETAILER_ACCOUNT} from "../../../contracts/types/SystemAccounts.sol";
import {BaseContracts} from "./support/BaseContracts.sol";
import {Test} from "./support/Test.sol";

/// @title Everything that participants, treasurer, market and guardian may do with money, in any order.
/// @dev Forge prints calls and reverts of each handler; a call that found nothing to do is among the reverts.
contract LedgerHandler is Test {
    Credits private immutable CREDITS;
    Ledger private immutable LEDGER;
    address[] private _owners;

    // witnesses: how often each thing was done with success
    uint256 public deposits;
    uint256 public withdrawals;
    uint256 public redemptions;
    uint256 public moves;
    uint256 public settlements;
    uint256 public debtsMade;
    uint256 public carried;
    uint256 public leavings;
    uint256 public refusals;

    // what must never happen
    uint256 public createdOrDestroyed;
    uint256 public enteredWhilePaused;

    /// @dev A handler found nothing to do.
    error NothingToDo();

    constructor(Ledger ledger, Credits credits, address[] memory owners) {
        LEDGER = ledger;
        CREDITS = credits;
        _owners = owners;
    }

    function deposit(uint256 who, uint64 amount) external {
        (address owner, uint32 account) = _pick(who);
        amount = uint64(bound(amount, 1, 1e9));
        CREDITS.recordDeposit(owner, 2 * amount, bytes32(CREDITS.totalDeposited())); // the other half stays in the wallet
        vm.prank(owner);
        CREDITS.approve(address(LEDGER), amount);
        bool paused = LEDGER.paused();
        vm.prank(owner);
        try LEDGER.deposit(account, amount) {
            if (paused) ++enteredWhilePaused;
            else ++deposits;
        } catch {
            if (!paused) revert NothingToDo();
            ++refusals;
        }
    }

    function withdraw(uint256 who, uint64 amount, bool wait) external {
        (address owner, uint32 account) = _pick(who);
        amount = uint64(bound(amount, 1, 1e9));
        vm.prank(owner);
        LEDGER.requestWithdrawal(account, amount);
        if (!wait) return; // withdrawWhatIsDue goes on
        skip(LEDGER.withdrawalDelay());
        LEDGER.withdraw(account);
        ++withdrawals;
    }

    /// @dev Waits for what somebody announced in an earlier call, if anybody did.
    function withdrawWhatIsDue(uint256 who) external {
        for (uint256 i = 0; i < _owners.length; ++i) {
            (, uint32 account) = _pick(who % _owners.length + i);
            (, uint64 availableAt) = LEDGER.withdrawalOf(account);
            if (availableAt == 0) continue;
            if (block.timestamp < availableAt) vm.warp(availableAt);
            LEDGER.withdraw(account);
            ++withdrawals;
            return;
        }
        revert NothingToDo();
    }

    function leaveMarket(uint256 who) external {
        // the first owners stay, so that there is a market left
        (address owner, uint32 account) = _pick(bound(who, _owners.length / 2, _owners.length - 1));
        vm.prank(owner);
        LEDGER.leaveMarket(account);
        ++leavings;
    }

    function redeem(uint256 who, uint256 amount) external {
        (address owner,) = _pick(who);
        uint256 held = CREDITS.balanceOf(owner);
        if (held == 0) revert NothingToDo();
        bytes32 ref = bytes32(CREDITS.totalRedeemed());
        vm.prank(owner);
        CREDITS.redeem(bound(amount, 1, held), ref);
        ++redemptions;
    }

    function move(uint256 from, uint256 to, uint64 amount, uint64 second) external {
        (, uint32 payer) = _pick(from);
        (, uint32 payee) = _pick(to);
        int64 cash = LEDGER.cashOf(payer);
        if (cash <= 0) revert NothingToDo();
        int64 total = int64(uint64(bound(amount, 0, uint64(cash))));
        int64 escrowed = int64(uint64(bound(second, 0, uint64(total))));
        uint256[] memory entries = new uint256[](3);
        entries[0] = _entry(payer, -total);
        entries[1] = _entry(payee, total - escrowed);
        entries[2] = _entry(ESCROW_ACCOUNT, escrowed);
        LEDGER.move(entries);
        ++moves;
    }

    /// @dev Sells imbalance energy between accounts and the retailer, far beyond what they own.
    function settle(uint256 a, uint256 b, int64 owed, int64 earned) external {
        (, uint32 first) = _pick(a);
        (, uint32 second) = _pick(b);
        owed = int64(bound(owed, -100e6, 100e6));
        earned = int64(bound(earned, -100e6, 100e6));
        int256 retailer = LEDGER.cashOf(RETAILER_ACCOUNT);
        uint256 debt = LEDGER.totalDebt();
        uint256[] memory entries = new uint256[](3);
        entries[0] = _entry(first, owed);
        entries[1] = _entry(second, earned);
        entries[2] = _entry(RETAILER_ACCOUNT, -(owed + earned));
        LEDGER.settle(entries);
        ++settlements;
        if (LEDGER.totalDebt() > debt) ++debtsMade;
        if (LEDGER.cashOf(RETAILER_ACCOUNT) < retailer - (owed + earned)) ++carried;
    }

    function settleFromEscrow(uint256 to, uint64 amount) external {
        (, uint32 payee) = _pick(to);
        int64 total = int64(uint64(bound(amount, 0, uint64(LEDGER.cashOf(ESCROW_ACCOUNT)))));
        uint256[] memory entries = new uint256[](2);
        entries[0] = _entry(ESCROW_ACCOUNT, -total);
        entries[1] = _entry(payee, total);
        LEDGER.settle(entries);
        ++settlements;
    }

    function moveOutOfThinAir(uint256 to, int64 amount) external {
        (, uint32 payee) = _pick(to);
        uint256[] memory entries = new uint256[](1);
        entries[0] = _entry(payee, amount);
        if (amount == 0) revert NothingToDo();
        try LEDGER.move(entries) {
            ++createdOrDestroyed;
        } catch {
            ++refusals;
        }
    }

    /// @dev Pauses now and then; otherwise lets entry go on.
    function pauseOrNot(uint8 choice) external {
        if (LEDGER.paused()) LEDGER.unpause();
        else if (choice % 4 == 0) LEDGER.pause();
    }

    function _pick(uint256 who) private view returns (address owner, uint32 account) {
        owner = _owners[who % _owners.length];
        account = LEDGER.accountOf(owner);
    }

    function _entry(uint32 account, int64 delta) private pure returns (uint256) {
        return (uint256(account) << 64) | uint64(delta);
    }
}

/// @title Invariant 1 of the design: no money is created or lost, whatever is done in whatever order.
contract LedgerInvariantsTest is BaseContracts {
    LedgerHandler private _handler;
    address[] private _owners;

    function setUp() public {
        vm.warp(1_781_136_000);
        deployBase();
        for (uint160 i = 1; i <= 6; ++i) {
            address owner = address(uint160(0xA11CE000) + i);
            _owners.push(owner);
            fund(admit(owner, 0), 100e6);
        }
        fund(RETAILER_ACCOUNT, 500e6);
        _handler = new LedgerHandler(ledger, credits, _owners);
        ledger.setMover(address(_handler), true);
        authority.grantRole(Roles.ADMIN, address(_handler), 0);
        targetContract(address(_handler));
    }

    /// @dev Design invariant 1: ledger balances and credits in wallets are deposits and issues less redemptions.
    function invariant_MoneyIsNeitherCreatedNorLost() public view {
        uint256 wallets = credits.balanceOf(address(this));
        for (uint256 i = 0; i < _owners.length; ++i) {
            wallets += credits.balanceOf(_owners[i]);
        }
        (int256 cash, uint256 debts) = sumOfCash();
        assertEq(cash + int256(wallets), int256(credits.totalDeposited()) - int256(credits.totalRedeemed()));
        assertEq(cash, int256(credits.balanceOf(address(ledger))), "cash is what the ledger holds in credits");
        assertEq(credits.totalSupply(), credits.totalDeposited() - credits.totalRedeemed());
        assertEq(_handler.createdOrDestroyed(), 0, "no movement out of, or into, thin air");
        assertEq(_handler.enteredWhilePaused(), 0, "a pause stops entry");
        _requireDebtsCountedAndBounded(debts);
    }

    function _requireDebtsCountedAndBounded(uint256 debts) private view {
        assertEq(uint256(ledger.totalDebt()), debts);
        for (uint256 i = 0; i < _owners.length; ++i) {
            assertGe(int256(ledger.cashOf(ledger.accountOf(_owners[i]))), -int256(uint256(DEBT_LIMIT)));
        }
        assertGe(int256(ledger.cashOf(ESCROW_ACCOUNT)), int256(0), "escrow never owes");
    }

    /// @dev A participant gets what is free out, paused or not, if the credits of the retailer back the debts.
    function afterInvariant() public {
        assertGt(
            _handler.deposits() + _handler.withdrawals() + _handler.moves() + _handler.settlements(),
            8,
            "witness: money moved"
        );
        for (uint256 i = 0; i < _owners.length; ++i) {
            _requireFreeCashCanLeave(_owners[i]);
        }
    }

    function _requireFreeCashCanLeave(address owner) private {
        uint32 account = ledger.accountOf(owner);
        int256 cash = ledger.cashOf(account);
        if (cash <= 0 || uint256(cash) > credits.balanceOf(address(ledger))) return;
        if (ledger.cashOf(RETAILER_ACCOUNT) < int256(uint256(ledger.totalDebt()))) return;
        vm.prank(owner);
        ledger.leaveMarket(account);
        skip(WITHDRAWAL_DELAY);
        uint256 before = credits.balanceOf(owner);
        ledger.withdraw(account);
        assertEq(int256(credits.balanceOf(owner) - before), cash, "all of it left");
    }
}
