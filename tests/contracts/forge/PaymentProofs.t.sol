// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Test} from "./support/Test.sol";

/// @title Nobody pays above, or receives below, the limit signed: the rounding's part. Proved by halmos for all values.
/// @dev The auction trades energy of a bid only at zone prices with price + charge <= limit, of an offer at price >= limit;
/// that is the certificate's part, which the invariants and the differential tests cover. That the code of the auction
/// computes these amounts is proved in `FillProofs`. Products of energy and price are in thousandths of micro-credits, twice
/// over since prices are in half units. A quotient is stated by what defines it, because solvers are better at products than
/// at quotients.
contract PaymentProofs is Test {
    /// @param product Energy times price and charge, in half units.
    /// @param atLimit Energy times limit, in whole units.
    /// @param amount `product` divided by 2000, rounded up.
    function check_ABuyerPaysNoMoreThanAtItsLimit(uint72 product, uint72 atLimit, uint64 amount) public pure {
        vm.assume(uint256(product) <= 2 * uint256(atLimit));
        vm.assume(uint256(amount) * 2000 >= product && uint256(amount) * 2000 < uint256(product) + 2000);

        // not more than atLimit / 1000 rounded up
        assert(uint256(amount) * 1000 < uint256(atLimit) + 1000);
    }

    /// @param product Energy times price, in half units.
    /// @param atLimit Energy times limit, in whole units.
    /// @param amount `product` divided by 2000, rounded down.
    function check_ASellerGetsNoLessThanAtItsLimit(uint72 product, uint72 atLimit, uint64 amount) public pure {
        vm.assume(uint256(product) >= 2 * uint256(atLimit));
        vm.assume(uint256(amount) * 2000 <= product && uint256(product) < uint256(amount) * 2000 + 2000);

        // not less than atLimit / 1000 rounded down
        assert(uint256(amount) * 1000 + 1000 > uint256(atLimit));
    }
}
