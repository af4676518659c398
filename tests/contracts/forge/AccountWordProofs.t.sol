// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccountWord} from "../../../contracts/libraries/AccountWord.sol";
import {AccountStatus} from "../../../contracts/types/AccountStatus.sol";
import {Test} from "./support/Test.sol";

/// @title Writing one field of an account word leaves the others alone, for all words. Proved by halmos.
contract AccountWordProofs is Test {
    using AccountWord for uint256;

    function check_CashComesBackAsWritten(uint256 word, int64 cash) public pure {
        uint256 later = word.withCash(cash);

        assert(later.cash() == cash);
        assert(later & AccountWord.NOT_CASH == word & AccountWord.NOT_CASH);
    }

    function check_EveryFieldComesBackAsPacked(address owner, uint8 zone, uint8 capacityKw, uint8 class, int64 cash)
        public
        pure
    {
        uint256 word = AccountWord.pack(owner, zone, AccountStatus.Active, capacityKw);
        word = word.withReputationClass(class).withCash(cash).withStatus(AccountStatus.Suspended);

        assert(word.owner() == owner);
        assert(word.zone() == zone);
        assert(word.capacityKw() == capacityKw);
        assert(word.reputationClass() == class);
        assert(word.cash() == cash);
        assert(word.status() == AccountStatus.Suspended);
    }

    function check_AFieldIsChangedAlone(uint256 word, uint8 zone, uint8 capacityKw, address owner) public pure {
        uint256 status = uint8(word >> AccountWord.STATUS_SHIFT);

        uint256 later = word.withZone(zone).withCapacityKw(capacityKw).withOwner(owner);

        assert(later.zone() == zone && later.capacityKw() == capacityKw && later.owner() == owner);
        assert(later.cash() == word.cash() && later.reputationClass() == word.reputationClass());
        assert(uint8(later >> AccountWord.STATUS_SHIFT) == status);
    }
}
