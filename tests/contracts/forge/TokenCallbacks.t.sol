// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EnergyToken} from "../../../contracts/EnergyToken.sol";
import {IEnergyToken} from "../../../contracts/interfaces/IEnergyToken.sol";
import {Roles} from "../../../contracts/libraries/Roles.sol";
import {BaseContracts} from "./support/BaseContracts.sol";
import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {IERC1155Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC1155} from "@openzeppelin/contracts/token/ERC1155/IERC1155.sol";
import {IERC1155Receiver} from "@openzeppelin/contracts/token/ERC1155/IERC1155Receiver.sol";

/// @title Takes tokens, and while it is told so calls every function of the token that changes anything.
contract ReenteringReceiver is IERC1155Receiver {
    EnergyToken private immutable TOKEN;
    address private immutable FRIEND;

    /// @notice What came of each call, in order: nothing if it was let through, else the error.
    bytes4[] public answers;

    constructor(EnergyToken token, address friend) {
        (TOKEN, FRIEND) = (token, friend);
    }

    function onERC1155Received(address, address from, uint256 id, uint256 value, bytes calldata)
        external
        returns (bytes4)
    {
        _try(abi.encodeCall(IERC1155.safeTransferFrom, (from, address(this), id, 1, "")));
        _try(abi.encodeCall(IERC1155.safeBatchTransferFrom, (from, FRIEND, _one(id), _one(1), "")));
        _try(abi.encodeCall(IEnergyToken.retireFrom, (from, _one(id), _one(1), "")));
        _try(abi.encodeCall(IEnergyToken.mint, (uint64(id), _one((uint256(uint160(address(this))) << 32) | 1))));
        _try(abi.encodeCall(IERC1155.safeTransferFrom, (address(this), FRIEND, id, value + 1, "")));
        _try(abi.encodeCall(IEnergyToken.retire, (id, value + 1, "")));
        _try(abi.encodeCall(IERC1155.setApprovalForAll, (FRIEND, true)));
        // what it was given is its own already
        _try(abi.encodeCall(IEnergyToken.retire, (id, 1, "")));
        _try(abi.encodeCall(IERC1155.safeTransferFrom, (address(this), FRIEND, id, value - 1, "")));
        return this.onERC1155Received.selector;
    }

    function onERC1155BatchReceived(address, address, uint256[] calldata, uint256[] calldata, bytes calldata)
        external
        pure
        returns (bytes4)
    {
        return this.onERC1155BatchReceived.selector;
    }

    function supportsInterface(bytes4) external pure returns (bool) {
        return true;
    }

    function _try(bytes memory call) private {
        (bool done, bytes memory answer) = address(TOKEN).call(call);
        answers.push(done ? bytes4(0) : bytes4(answer));
    }

    function _one(uint256 value) private pure returns (uint256[] memory list) {
        list = new uint256[](1);
        list[0] = value;
    }
}

/// @title Pitfall "ERC-1155 callback re-entry": who is called with tokens can do with them what it could do later, and no more.
contract TokenCallbacksTest is BaseContracts {
    uint64 private constant SLOT = 1_979_040;

    function test_AReceiverThatEntersAgainGetsNothingThatIsNotItsOwn() public {
        deployBase();
        EnergyToken token = new EnergyToken(address(authority), "");
        allow(address(token), Roles.MARKET, token.mint.selector);
        authority.grantRole(Roles.MARKET, address(this), 0);
        address giver = makeAddr("giver");
        address friend = makeAddr("friend");
        ReenteringReceiver receiver = new ReenteringReceiver(token, friend);
        uint256[] memory entries = new uint256[](1);
        entries[0] = (uint256(uint160(giver)) << 32) | 100;
        token.mint(SLOT, entries);

        vm.prank(giver);
        token.safeTransferFrom(giver, address(receiver), SLOT, 40, "");

        bytes4[9] memory expected = [
            IERC1155Errors.ERC1155MissingApprovalForAll.selector,
            IERC1155Errors.ERC1155MissingApprovalForAll.selector,
            IERC1155Errors.ERC1155MissingApprovalForAll.selector,
            IAccessManaged.AccessManagedUnauthorized.selector,
            IERC1155Errors.ERC1155InsufficientBalance.selector,
            IERC1155Errors.ERC1155InsufficientBalance.selector,
            bytes4(0),
            bytes4(0),
            bytes4(0)
        ];
        for (uint256 i = 0; i < expected.length; ++i) {
            assertEq(bytes32(receiver.answers(i)), bytes32(expected[i]), vm.toString(i));
        }
        assertEq(token.balanceOf(giver, SLOT), 60);
        assertEq(token.balanceOf(address(receiver), SLOT), 0);
        assertEq(token.balanceOf(friend, SLOT), 39);
        assertEq(token.totalSupply(SLOT) + token.totalRetired(SLOT), 100);
    }
}
