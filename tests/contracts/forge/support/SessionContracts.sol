// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DoubleAuction} from "../../../../contracts/DoubleAuction.sol";
import {GridLimits} from "../../../../contracts/GridLimits.sol";
import {RelayStake} from "../../../../contracts/RelayStake.sol";
import {IGridLimits} from "../../../../contracts/interfaces/IGridLimits.sol";
import {ILedger} from "../../../../contracts/interfaces/ILedger.sol";
import {IRelayStake} from "../../../../contracts/interfaces/IRelayStake.sol";
import {Roles} from "../../../../contracts/libraries/Roles.sol";
import {Windows} from "../../../../contracts/types/AuctionTypes.sol";
import {OPERATOR_ACCOUNT} from "../../../../contracts/types/SystemAccounts.sol";
import {BaseContracts} from "./BaseContracts.sol";

/// @title A session on top of the base: an auction, limits, a relay with its stake, traders with cash.
abstract contract SessionContracts is BaseContracts {
    DoubleAuction internal auction;
    GridLimits internal limits;

    /// @dev Deploys everything; the keys of `count` traders are 0xBEEF00 and those after it.
    function deploySession(uint256 count) internal returns (uint32[] memory accounts, address relay) {
        deployBase();
        limits = new GridLimits(address(authority), 3600);
        RelayStake stakes = new RelayStake(address(authority), ledger, 10e6, 1e6, 1 days, 1 days);
        Windows memory windows = Windows(3600, 1800, 1200, 600, 7 days);
        uint32[8] memory bonds = [uint32(1e6), 9e5, 8e5, 7e5, 6e5, 5e5, 4e5, 3e5];
        uint32[8] memory collateral = [uint32(1e5), 9e4, 8e4, 7e4, 6e4, 5e4, 4e4, 3e4];
        auction = new DoubleAuction(
            address(authority),
            ILedger(address(ledger)),
            IGridLimits(address(limits)),
            IRelayStake(address(stakes)),
            windows,
            bonds,
            collateral
        );
        ledger.setMover(address(auction), true);
        ledger.setMover(address(stakes), true);

        relay = makeAddr("relay");
        ledger.setSystemOwner(OPERATOR_ACCOUNT, relay);
        fund(OPERATOR_ACCOUNT, 20e6);
        stakes.appoint(relay, OPERATOR_ACCOUNT);
        vm.prank(relay);
        stakes.stake(10e6);

        accounts = new uint32[](count);
        for (uint256 i = 0; i < count; ++i) {
            accounts[i] = admit(vm.addr(0xBEEF00 + i), 0);
            // one trader is so poor that its orders are void now and then
            fund(accounts[i], i == 3 ? 1.05e6 : 900e6);
        }
    }

    /// @dev Names the DSO whose verdicts count, and lets `publisher` publish limits.
    function appointDso(address dso, address publisher) internal {
        auction.appointDso(dso);
        allow(address(limits), Roles.DSO, limits.publish.selector);
        authority.grantRole(Roles.DSO, publisher, 0);
    }
}
