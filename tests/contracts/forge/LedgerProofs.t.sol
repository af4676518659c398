// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ledger} from "../../../contracts/Ledger.sol";
import {AccountWord} from "../../../contracts/libraries/AccountWord.sol";
import {AccountStatus} from "../../../contracts/types/AccountStatus.sol";
import {ESCROW_ACCOUNT, RETAILER_ACCOUNT} from "../../../contracts/types/SystemAccounts.sol";
import {Test} from "./support/Test.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title An authority that lets this test do everything; the role matrix is tested elsewhere.
contract OpenAuthority {
    function canCall(address, address, bytes4) external pure returns (bool, uint32) {
        return (true, 0);
    }
}

/// @title For all cash and all deltas: a call of the ledger neither creates nor destroys money. `check_` is proved by halmos.
/// @dev Two participants and the escrow start with any cash; entries carry any deltas.
contract LedgerProofs is Test {
    using AccountWord for uint256;

    uint64 private constant DEBT_LIMIT = 50e6;
    /// @dev The largest supply of credits; no account and no movement is larger.
    int64 private constant MAX_SUPPLY = 1 << 61;
    Ledger private _ledger;
    uint32 private _alice;
    uint32 private _bob;

    function setUp() public {
        _ledger = new Ledger(address(new OpenAuthority()), IERC20(address(1)), 4 hours, DEBT_LIMIT, 2e6);
        _ledger.setMover(address(this), true);
        _alice = _ledger.openAccount(address(0xA11CE), 3, 30);
        _bob = _ledger.openAccount(address(0xB0B), 31, 255);
    }

    /// @dev Gives an account any cash through the ledger's own storage; every other field stays.
    function _setCash(uint32 account, int64 cash) private {
        uint256 slot = _slotOf(account);
        uint256 word = uint256(vm.load(address(_ledger), bytes32(slot)));
        vm.store(address(_ledger), bytes32(slot), bytes32(word.withCash(cash)));
    }

    /// @dev The array of account words comes after five slots of other state; `test_` below checks it.
    function _slotOf(uint32 account) private pure returns (uint256) {
        return 4 + uint256(account);
    }

    function test_ThePlaceOfTheWordsIsKnown() public {
        _setCash(_alice, -77);
        assertEq(int256(_ledger.cashOf(_alice)), int256(-77));
        assertEq(uint256(_ledger.wordOf(_alice).zone()), 3);
    }

    function check_MoveConservesCashAndCoversDebits(int64 cashA, int64 cashB, int64 deltaA, int64 deltaB) public {
        _setCash(_alice, cashA);
        _setCash(_bob, cashB);
        uint256[] memory entries = new uint256[](2);
        entries[0] = _entry(_alice, deltaA);
        entries[1] = _entry(_bob, deltaB);

        try _ledger.move(entries) {
            int256 laterA = _ledger.cashOf(_alice);
            int256 laterB = _ledger.cashOf(_bob);
            assert(laterA + laterB == int256(cashA) + int256(cashB));
            assert(laterA == int256(cashA) + int256(deltaA));
            assert(deltaA >= 0 || laterA >= 0);
            assert(deltaB >= 0 || laterB >= 0);
        } catch {}
    }

    function check_MoveChangesNothingButCash(int64 cashA, int64 delta) public {
        _setCash(_alice, cashA);
        uint256 alice = _ledger.wordOf(_alice);
        uint256 bob = _ledger.wordOf(_bob);
        uint256[] memory entries = new uint256[](2);
        entries[0] = _entry(_alice, delta);
        entries[1] = _entry(_bob, -delta);

        try _ledger.move(entries) {
            assert(_ledger.wordOf(_alice) & AccountWord.NOT_CASH == alice & AccountWord.NOT_CASH);
            assert(_ledger.wordOf(_bob) & AccountWord.NOT_CASH == bob & AccountWord.NOT_CASH);
        } catch {}
    }

    /// @dev Whatever a participant's imbalance costs or earns, against a retailer with any cash; all of it within what
    /// there can be of credits. Fuzzed, not proved: the solvers run out of time on the sums of four sign extensions.
    function testFuzz_SettleConservesCashWithinTheDebtLimit(int64 cashA, int64 cashR, int64 delta) public {
        cashA = int64(bound(cashA, -int64(DEBT_LIMIT), MAX_SUPPLY));
        cashR = int64(bound(cashR, -MAX_SUPPLY, MAX_SUPPLY));
        delta = int64(bound(delta, -MAX_SUPPLY, MAX_SUPPLY));
        if (cashA >= 0) _setCash(_alice, cashA);
        else _settleAgainstRetailer(cashA); // a debt, made the way debts are made
        _setCash(RETAILER_ACCOUNT, cashR);

        _settleAgainstRetailer(delta);

        int256 laterA = _ledger.cashOf(_alice);
        int256 laterR = _ledger.cashOf(RETAILER_ACCOUNT);
        assertTrue(laterA + laterR == int256(cashA) + int256(cashR));
        assertTrue(laterA >= -int64(DEBT_LIMIT));
        assertTrue(laterA >= int256(cashA) + int256(delta));
    }

    function check_SettleNeverOverdrawsTheEscrow(int64 escrow, int64 delta) public {
        vm.assume(escrow >= 0);
        _setCash(ESCROW_ACCOUNT, escrow);
        uint256[] memory entries = new uint256[](2);
        entries[0] = _entry(ESCROW_ACCOUNT, delta);
        entries[1] = _entry(_alice, -delta);

        try _ledger.settle(entries) {
            assert(_ledger.cashOf(ESCROW_ACCOUNT) >= 0);
        } catch {}
    }

    function check_NobodyIsCreditedFromNothing(int64 cashA, int64 delta) public {
        _setCash(_alice, cashA);
        uint256[] memory entries = new uint256[](1);
        entries[0] = _entry(_alice, delta);

        try _ledger.move(entries) {
            assert(delta == 0);
        } catch {}
        try _ledger.settle(entries) {
            assert(delta == 0);
        } catch {}
    }

    function _settleAgainstRetailer(int64 delta) private {
        uint256[] memory entries = new uint256[](2);
        entries[0] = _entry(_alice, delta);
        entries[1] = _entry(RETAILER_ACCOUNT, -delta);
        _ledger.settle(entries);
    }

    function _entry(uint32 account, int64 delta) private pure returns (uint256) {
        return (uint256(account) << 64) | uint64(delta);
    }
}
