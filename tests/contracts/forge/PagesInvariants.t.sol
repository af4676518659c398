// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {PagesHandler} from "./support/PagesHandler.sol";
import {SessionContracts} from "./support/SessionContracts.sol";

/// @title Invariants 1, 2 (bought = sold), 3, 4, 6 and 8 of the design before, during and after clearings in pages.
contract PagesInvariantsTest is SessionContracts {
    PagesHandler private _handler;

    function setUp() public {
        vm.warp(1_781_136_000);
        (uint32[] memory accounts, address relay) = deploySession(5);
        uint32 leaver = admit(makeAddr("leaver"), 0);
        fund(leaver, 9_000e6);
        _handler = new PagesHandler(auction, limits, ledger, relay, accounts, leaver);
        appointDso(_handler.dso(), address(_handler));
        ledger.setMover(address(_handler), true);
        targetContract(address(_handler));
        bytes4[] memory handlers = new bytes4[](10);
        handlers[0] = _handler.judgeTheNextPage.selector;
        handlers[1] = _handler.fillTheNextPage.selector;
        handlers[2] = _handler.judgeAnotherPage.selector;
        handlers[3] = _handler.fillAnotherPage.selector;
        handlers[4] = _handler.tryEveryCertificate.selector;
        handlers[5] = _handler.clearTheOtherSlot.selector;
        handlers[6] = _handler.clearTheSlotInOneCall.selector;
        handlers[7] = _handler.letTimePass.selector;
        handlers[8] = _handler.withdraw.selector;
        handlers[9] = _handler.settleAnEarlierSlot.selector;
        targetSelector(FuzzSelector(address(_handler), handlers));
    }

    /// forge-config: default.invariant.runs = 6
    /// forge-config: default.invariant.depth = 200
    /// forge-config: default.invariant.shrink-run-limit = 20
    function invariant_PagesKeepThePromisesOfTheAuction() public view {
        (int256 cash,) = sumOfCash();
        assertEq(cash, int256(credits.balanceOf(address(ledger))), "1: money is neither created nor lost");
        assertFalse(_handler.cashDiffers(), "1: cash moves as it was announced, page by page");
        assertEq(_handler.movedWhileJudging(), 0, "1: no cash moves while pages are judged");
        assertEq(_handler.withdrawnWhileHeld(), 0, "1: no cash is withdrawn between judging and filling");
        assertEq(_handler.clearedBetween(), 0, "1: no other slot takes the cash in between");
        assertEq(_handler.heldWithoutNeed(), 0, "what is held is free again when it must be");
        assertEq(_handler.energyOutOfBalance(), 0, "2: per slot, bought is sold");
        assertEq(_handler.limitsViolated(), 0, "3: nobody pays above, or receives below, the limit signed");
        assertEq(_handler.clearedWithoutVerdict(), 0, "4: no page is judged without the DSO's signature");
        assertEq(_handler.clearedLate(), 0, "4: nor after the window");
        assertEq(_handler.clearedTwice(), 0, "6: a seal is opened at most once, in its slot");
        assertEq(_handler.wrongPagesTaken(), 0, "6: pages come in their turn");
        assertEq(_handler.rightPagesRefused(), 0, "whatever else was sent, the right page goes through");
        assertEq(_handler.certificatesMissing(), 0, "8: every book has a certificate");
        assertEq(_handler.certificatesInExcess(), 0, "8: and only one");
        assertEq(_handler.differsFromWhatWasAccepted(), 0, "8: which says what comes of it, in pages or in one call");
    }

    /// @dev Witnesses: a run in which nothing happened proves nothing. Short runs, as forge's shrinking makes them, may.
    function afterInvariant() public view {
        if (_handler.pagesJudged() < 10) return;
        assertGt(_handler.pagesRefused(), 0, "witness: a page was refused");
        assertGt(_handler.clearedInPages() + _handler.lapsedInTheMiddle(), 0, "witness: a round came to an end");
    }

    function test_EverythingHappensInAThousandCalls() public {
        uint256 done = 0;
        for (uint256 i = 0; i < 1000; ++i) {
            if (_play(uint256(keccak256(abi.encode(i))))) ++done;
        }

        invariant_PagesKeepThePromisesOfTheAuction();
        assertGe(done, 600);
        assertGe(_handler.pagesJudged(), 40);
        assertGe(_handler.tradedInPages(), 8);
        assertGe(_handler.lapsedInTheMiddle(), 2);
        assertGe(_handler.clearedInOneCallInTheMiddle(), 2);
        assertGe(_handler.othersRefused(), 20);
        assertGe(_handler.othersCleared(), 10);
        assertGe(_handler.filledAfterDelivery(), 10);
        assertGe(_handler.branches(), 5);
        assertGe(_handler.withdrawalsRefused(), 20);
        assertGe(_handler.withdrawals(), 8);
        assertGe(_handler.bondsTaken(), 3);
        assertGe(_handler.settledInTheMiddle(), 40);
    }

    function _play(uint256 dice) private returns (bool) {
        bytes4[] memory handlers = targetSelectors()[0].selectors;
        (bool done, bytes memory answer) = address(_handler)
            .call(abi.encodeWithSelector(handlers[dice % handlers.length], uint256(uint128(dice >> 8)), dice >> 136));
        if (!done) assertEq(bytes32(answer), bytes32(PagesHandler.SaysNothing.selector));
        return done;
    }
}
