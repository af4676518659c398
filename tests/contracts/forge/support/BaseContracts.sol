// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Authority} from "../../../../contracts/Authority.sol";
import {Credits} from "../../../../contracts/Credits.sol";
import {Ledger} from "../../../../contracts/Ledger.sol";
import {ParticipantRegistry} from "../../../../contracts/ParticipantRegistry.sol";
import {Roles} from "../../../../contracts/libraries/Roles.sol";
import {RETAILER_ACCOUNT} from "../../../../contracts/types/SystemAccounts.sol";
import {Test} from "./Test.sol";

/// @title Authority, credits, ledger and registry, wired as a deployment does it; this test holds every role of people.
abstract contract BaseContracts is Test {
    uint64 internal constant WITHDRAWAL_DELAY = 4 hours;
    uint64 internal constant DEBT_LIMIT = 50e6;
    uint64 internal constant RESERVE = 2e6;

    Authority internal authority;
    Credits internal credits;
    Ledger internal ledger;
    ParticipantRegistry internal registry;

    function deployBase() internal {
        authority = new Authority(address(this));
        credits = new Credits(address(authority));
        ledger = new Ledger(address(authority), credits, WITHDRAWAL_DELAY, DEBT_LIMIT, RESERVE);
        registry = new ParticipantRegistry(address(authority), ledger);

        allow(address(ledger), Roles.REGISTRY, ledger.openAccount.selector);
        allow(address(ledger), Roles.REGISTRY, ledger.setAccount.selector);
        allow(address(ledger), Roles.SCORER, ledger.setReputationClasses.selector);
        authority.grantRole(Roles.REGISTRY, address(registry), 0);
        credits.setRegistry(address(registry));
        credits.setSystemHolder(address(ledger), true);
        credits.setSystemHolder(address(this), true);
        ledger.setSystemOwner(RETAILER_ACCOUNT, address(this));
        credits.approve(address(ledger), type(uint256).max);
    }

    /// @dev Lets a role call a function. What nobody was given stays with the admin, which this test is.
    function allow(address target, uint64 role, bytes4 selector) internal {
        bytes4[] memory selectors = new bytes4[](1);
        selectors[0] = selector;
        authority.setTargetFunctionRole(target, selectors, role);
    }

    /// @dev Admits `owner` and returns its account.
    function admit(address owner, uint8 zone) internal returns (uint32) {
        return registry.admit(owner, zone, 30, keccak256(abi.encode("meter point", owner)), owner);
    }

    /// @dev Pays fresh credits into an account.
    function fund(uint32 account, uint64 amount) internal {
        credits.recordDeposit(address(this), amount, bytes32(credits.totalDeposited()));
        ledger.deposit(account, amount);
    }

    function entry(uint32 account, int64 delta) internal pure returns (uint256) {
        return (uint256(account) << 64) | uint64(delta);
    }

    /// @dev Returns the cash of all accounts together, debts counted negative, and the debts of participants alone.
    function sumOfCash() internal view returns (int256 cash, uint256 debts) {
        for (uint32 account = 1; account <= ledger.lastAccount(); ++account) {
            int256 own = ledger.cashOf(account);
            cash += own;
            if (own < 0 && account > 15) debts += uint256(-own);
        }
    }
}
