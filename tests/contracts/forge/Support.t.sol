// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Test} from "./support/Test.sol";

/// @title Our own small test base does what its comments say.
/// Paths: bound inside, at the rims, over the whole type and for signed numbers; keys sign for their addresses.
contract SupportTest is Test {
    error Refused(uint256 had, uint256 needed);

    function testFuzz_bound_keeps_within_its_ends(uint256 x, uint256 a, uint256 b) public pure {
        (uint256 min, uint256 max) = a < b ? (a, b) : (b, a);

        uint256 bounded = bound(x, min, max);

        assertGe(bounded, min);
        assertLe(bounded, max);
        if (x >= min && x <= max) assertEq(bounded, x);
    }

    function testFuzz_bound_keeps_signed_numbers_within_their_ends(int256 x, int256 a, int256 b) public pure {
        (int256 min, int256 max) = a < b ? (a, b) : (b, a);

        int256 bounded = bound(x, min, max);

        assertGe(bounded, min);
        assertLe(bounded, max);
    }

    function check_bound_leaves_what_is_inside(uint256 x, uint256 min, uint256 max) public pure {
        vm.assume(min <= x && x <= max);

        assertEq(bound(x, min, max), x);
    }

    function test_bound_reaches_both_ends() public pure {
        assertEq(bound(uint256(0), 5, 9), 5);
        assertEq(bound(type(uint256).max, 5, 9), 9);
    }

    function test_a_made_key_signs_for_its_address() public {
        (address account, uint256 key) = makeAddrAndKey("household");

        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, keccak256("a reading"));

        assertEq(ecrecover(keccak256("a reading"), v, r, s), account);
    }

    function test_an_expected_custom_error_is_compared_with_its_arguments() public {
        vm.expectRevert(abi.encodeWithSelector(Refused.selector, 1, 2));

        this.refuse();
    }

    function refuse() external pure {
        revert Refused(1, 2);
    }
}
