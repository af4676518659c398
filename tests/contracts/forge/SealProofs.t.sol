// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {OrderHash} from "../../../contracts/libraries/OrderHash.sol";
import {Test} from "./support/Test.sol";

/// @title A seal is bound to its owner's account, slot, chain, contract and terms. Proved by halmos for all values.
/// @dev Halmos takes keccak256 as a function without collisions, which is the assumption that all of this rests on.
contract SealProofs is Test {
    function check_ASealIsBoundToAccountAndSlot(
        bytes32 domain,
        uint64 slot,
        uint32 account,
        bytes32 terms,
        uint64 otherSlot,
        uint32 otherAccount,
        bytes32 otherTerms
    ) public pure {
        vm.assume(slot != otherSlot || account != otherAccount || terms != otherTerms);

        bytes32 one = OrderHash.orderDigest(domain, slot, account, terms);
        bytes32 other = OrderHash.orderDigest(domain, otherSlot, otherAccount, otherTerms);

        assert(one != other);
    }

    function check_ASealIsBoundToChainAndContract(
        uint64 chainId,
        uint64 otherChainId,
        address auction,
        address otherAuction,
        bytes32 terms
    ) public {
        vm.assume(chainId != otherChainId || auction != otherAuction);

        vm.chainId(chainId);
        bytes32 one = OrderHash.orderDigest(OrderHash.domainSeparator(auction), 7, 16, terms);
        vm.chainId(otherChainId);
        bytes32 other = OrderHash.orderDigest(OrderHash.domainSeparator(otherAuction), 7, 16, terms);

        assert(one != other);
    }

    function check_TheTermsAreBound(
        uint32 energy,
        uint32 limit,
        bytes16 salt,
        uint32 otherEnergy,
        uint32 otherLimit,
        bytes16 otherSalt
    ) public view {
        vm.assume(energy != otherEnergy || limit != otherLimit || salt != otherSalt);

        bytes32 one = this.termsHash(1, abi.encodePacked(energy, limit, salt));
        bytes32 other = this.termsHash(1, abi.encodePacked(otherEnergy, otherLimit, otherSalt));

        assert(one != other);
    }

    function check_ABidIsNoOffer(uint32 energy, uint32 limit, bytes16 salt) public view {
        bytes memory body = abi.encodePacked(energy, limit, salt);

        assert(this.termsHash(1, body) != this.termsHash(1 | 8, body));
    }

    /// @notice The library reads calldata.
    function termsHash(uint256 kind, bytes calldata body) external pure returns (bytes32) {
        return OrderHash.termsHash(kind, body);
    }
}
