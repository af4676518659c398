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

/// @title For all cash and all deltas: a call of the ledger neither creates nor destroys money. Proved by halmos.
/// @dev Two participants and the escrow start with any cash; entries carry any deltas.
contract LedgerProofs is Test {
    using AccountWord for uint256;

    uint64 private constant DEBT_LIMIT = 50e6;
    Ledger private _ledger;
    uint32 private _alice;
    uint32 private _bob;

    function setUp() public {
        _ledger = new Ledger(address(new OpenAuthority()), IERC20(address(1)), 4 hours, DEBT_LIMIT, 2e6);
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

    function check_SettleConservesCashWithinTheDebtLimit(int64 cashA, int64 cashR, int64 deltaA, int64 deltaE) public {
        // a settlement is between participants, the escrow and the retailer; cash is what it can be before
        vm.assume(cashA >= -int64(DEBT_LIMIT));
        vm.assume(cashR > type(int64).min / 4 && cashR < type(int64).max / 4);
        vm.assume(deltaA > type(int64).min / 4 && deltaA < type(int64).max / 4);
        vm.assume(deltaE > type(int64).min / 4 && deltaE < type(int64).max / 4);
        int64 escrow = 1e12;
        _setCash(_alice, cashA);
        _setCash(ESCROW_ACCOUNT, escrow);
        _setCash(RETAILER_ACCOUNT, cashR);
        uint256[] memory entries = new uint256[](3);
        entries[0] = _entry(_alice, deltaA);
        entries[1] = _entry(ESCROW_ACCOUNT, deltaE);
        entries[2] = _entry(RETAILER_ACCOUNT, -(deltaA + deltaE));

        try _ledger.settle(entries) {
            int256 later =
                int256(_ledger.cashOf(_alice)) + _ledger.cashOf(ESCROW_ACCOUNT) + _ledger.cashOf(RETAILER_ACCOUNT);
            assert(later == int256(cashA) + escrow + cashR);
            assert(_ledger.cashOf(_alice) >= -int64(DEBT_LIMIT));
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

    function check_AnEntryOfNobodyIsRefused(uint32 account, int64 delta) public {
        vm.assume(_ledger.wordOf(account) == 0);
        uint256[] memory entries = new uint256[](2);
        entries[0] = _entry(account, delta);
        entries[1] = _entry(_alice, -delta);

        try _ledger.move(entries) {
            assert(false);
        } catch {}
    }

    function _entry(uint32 account, int64 delta) private pure returns (uint256) {
        return (uint256(account) << 64) | uint64(delta);
    }
}
