// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DoubleAuction} from "../../../contracts/DoubleAuction.sol";
import {GridLimits} from "../../../contracts/GridLimits.sol";
import {Ledger} from "../../../contracts/Ledger.sol";
import {RelayStake} from "../../../contracts/RelayStake.sol";
import {IDoubleAuction} from "../../../contracts/interfaces/IDoubleAuction.sol";
import {IGridLimits} from "../../../contracts/interfaces/IGridLimits.sol";
import {ILedger} from "../../../contracts/interfaces/ILedger.sol";
import {IRelayStake} from "../../../contracts/interfaces/IRelayStake.sol";
import {Roles} from "../../../contracts/libraries/Roles.sol";
import {SlotPhase, SlotResult, Submission, Windows} from "../../../contracts/types/AuctionTypes.sol";
import {ESCROW_ACCOUNT, OPERATOR_ACCOUNT} from "../../../contracts/types/SystemAccounts.sol";
import {BaseContracts} from "./support/BaseContracts.sol";
import {Test} from "./support/Test.sol";
import {Vm} from "./support/Vm.sol";

/// @title Plays whole slots with random orders, and attacks them, against the real contracts.
/// @dev Hashing, records and prices are written here a second time, from the interface's manual, not from the libraries. A
/// call that turns out to say nothing, such as a slot in which nothing trades, is checked all the same and then taken back,
/// so that forge's table of calls and reverts is the success ratio of each handler.
contract AuctionHandler is Test {
    struct Order {
        uint256 trader;
        bool offer;
        bool own;
        uint32 energy;
        uint32 limit;
        bytes16 salt;
    }

    /// @dev A submission was accepted, and is taken back by this error.
    error Accepted(uint256 boughtWh);
    /// @dev A call that violated nothing and would be no witness either.
    error SaysNothing();

    uint256 public constant TRADERS = 4;
    uint256 private constant DSO_KEY = 0xD50;
    uint32 public constant C1 = 11_000;
    uint32 public constant FEE = 3_000;

    DoubleAuction private immutable AUCTION;
    GridLimits private immutable LIMITS;
    Ledger private immutable LEDGER;
    address private immutable RELAY;
    bytes private _gridData;
    uint32[] private _accounts;

    // what must never happen; an invariant each
    uint256 public limitsViolated;
    uint256 public energyOutOfBalance;
    uint256 public clearedWithoutVerdict;
    uint256 public openedTwice;
    uint256 public certificatesMissing;
    uint256 public certificatesInExcess;
    uint256 public refundsOfNothing;

    // witnesses
    uint256 public slotsPlayed;
    uint256 public slotsCleared;
    uint256 public slotsTraded;
    uint256 public slotsLapsed;
    uint256 public foreignVerdicts;
    uint256 public replays;
    uint256 public refunds;

    bytes private _oldBook;

    constructor(DoubleAuction auction, GridLimits limits, Ledger ledger, address relay, uint32[] memory accounts) {
        (AUCTION, LIMITS, LEDGER, RELAY) = (auction, limits, ledger, relay);
        _accounts = accounts;
        _gridData = abi.encodePacked(uint8(1), uint32(0), C1, uint32(0), uint32(0), FEE, uint8(0), uint32(0), uint32(0));
    }

    function keyOf(uint256 trader) public pure returns (uint256) {
        return 0xBEEF00 + trader;
    }

    function dso() external pure returns (address) {
        return vm.addr(DSO_KEY);
    }

    // ---------------------------------------------------------------------------------------------------- handlers

    function clearASlot(uint256 seed) external {
        (uint64 slot, Order[] memory orders, bytes memory book) = _upToTheGate(seed);
        (uint256 accepted, uint64 price,) = _certificates(slot, orders, book);
        if (accepted == 0) ++certificatesMissing;
        if (accepted > 1) ++certificatesInExcess;
        if (accepted == 0) return;
        uint256 violations = _violations();
        bool traded = _clearAndCheck(_submission(slot, book, price, DSO_KEY), orders);
        _oldBook = book;
        if (!traded && accepted == 1 && _violations() == violations) revert SaysNothing();
    }

    function letASlotLapse(uint256 seed) external {
        (uint64 slot, Order[] memory orders, bytes memory book) = _upToTheGate(seed);
        (,, bool trades) = _certificates(slot, orders, book);
        vm.warp(AUCTION.clearUntil(slot));
        (uint256 accepted,,) = _certificates(slot, orders, book);
        clearedWithoutVerdict += accepted;
        assertEq(uint256(uint8(AUCTION.phaseOf(slot))), uint256(uint8(SlotPhase.Lapsed)));
        ++slotsLapsed;
        if (!trades && accepted == 0) revert SaysNothing();
    }

    function clearWithAForeignVerdict(uint256 seed, uint256 key) external {
        key = bound(key, 1, type(uint128).max);
        if (key == DSO_KEY) revert SaysNothing();
        (uint64 slot, Order[] memory orders, bytes memory book) = _upToTheGate(seed);
        (,, bool trades) = _certificates(slot, orders, book);
        uint64[] memory candidates = _candidatePrices(orders);
        uint256 accepted = 0;
        for (uint256 i = 0; i < candidates.length; ++i) {
            if (_tryToClear(_submission(slot, book, candidates[i], key))) ++accepted;
        }
        clearedWithoutVerdict += accepted;
        ++foreignVerdicts;
        if (!trades && accepted == 0) revert SaysNothing();
    }

    /// @dev Offers the orders of a slot that traded to a later one, in which as many of the same traders sealed others.
    function openOldOrdersAgain(uint256 seed) external {
        if (_oldBook.length == 0) revert SaysNothing();
        (uint64 slot, Order[] memory orders,) = _upToTheGate(seed);
        uint64[] memory candidates = _candidatePrices(orders);
        for (uint256 i = 0; i < candidates.length; ++i) {
            if (_tryToClear(_submission(slot, _oldBook, candidates[i], DSO_KEY))) ++openedTwice;
        }
        ++replays;
    }

    function refundAnUnsettledSlot(uint256 seed) external {
        (uint64 slot, Order[] memory orders, bytes memory book) = _upToTheGate(seed);
        (uint256 accepted, uint64 price, bool trades) = _certificates(slot, orders, book);
        if (accepted == 0 || !trades) revert SaysNothing();
        vm.recordLogs();
        SlotResult memory result = AUCTION.clear(_submission(slot, book, price, DSO_KEY));
        bytes memory positions = _positionsOf(vm.getRecordedLogs());
        vm.warp((uint256(slot) + 1) * 900 + AUCTION.windows().settle);
        int256 escrowed = LEDGER.cashOf(ESCROW_ACCOUNT);
        AUCTION.refund(slot, positions, result);
        if (LEDGER.cashOf(ESCROW_ACCOUNT) >= escrowed) ++refundsOfNothing;
        ++refunds;
    }

    /// @dev Returns how many of all candidate prices would clear a slot, the last of them, and whether energy would trade.
    function _certificates(uint64 slot, Order[] memory orders, bytes memory book)
        private
        returns (uint256 accepted, uint64 price, bool trades)
    {
        uint64[] memory candidates = _candidatePrices(orders);
        for (uint256 i = 0; i < candidates.length; ++i) {
            (bool passed, uint256 boughtWh) = _wouldClear(_submission(slot, book, candidates[i], DSO_KEY));
            if (!passed) continue;
            ++accepted;
            price = candidates[i];
            trades = boughtWh > 0;
        }
    }

    function _violations() private view returns (uint256) {
        return limitsViolated + energyOutOfBalance + clearedWithoutVerdict + openedTwice;
    }

    // --------------------------------------------------------------------------------------------- playing a slot

    /// @dev Seals random orders, commits to the relayed ones, closes the gate; returns the book that opens all of them.
    function _upToTheGate(uint256 seed) private returns (uint64 slot, Order[] memory orders, bytes memory book) {
        ++slotsPlayed;
        slot = uint64(block.timestamp / 900) + 8;
        LIMITS.publish(slot, _gridData);
        orders = _randomOrders(seed);
        bytes32 root = 0;
        bytes memory entries;
        uint16 arrivals = 0;
        uint32 relayed = 0;
        for (uint256 i = 0; i < orders.length; ++i) {
            Order memory order = orders[i];
            bytes32 digest = _digest(slot, order);
            if (order.own) {
                vm.prank(vm.addr(keyOf(order.trader)));
                AUCTION.seal(slot, digest);
                book = bytes.concat(book, _record(order, arrivals++, ""));
            } else {
                (bytes32 r, bytes32 vs) = vm.signCompact(keyOf(order.trader), digest);
                entries = bytes.concat(entries, abi.encodePacked(_accounts[order.trader], _ticket(digest, r, vs)));
                book = bytes.concat(book, _record(order, 0, abi.encodePacked(r, vs)));
                ++relayed;
            }
        }
        if (relayed > 0) {
            root = keccak256(abi.encodePacked(bytes32(0), keccak256(entries)));
            vm.prank(RELAY);
            AUCTION.commit(slot, root, relayed);
        }
        vm.warp(AUCTION.gateOf(slot));
    }

    /// @dev Zero to four orders, at most one a trader, with few different prices so that ties are common.
    function _randomOrders(uint256 seed) private pure returns (Order[] memory orders) {
        uint256 mask = uint256(keccak256(abi.encode(seed))) % (1 << TRADERS);
        if (seed % 8 != 0) mask |= 5; // mostly two orders at least, on opposite sides
        uint256 count = 0;
        for (uint256 i = 0; i < TRADERS; ++i) {
            count += (mask >> i) & 1;
        }
        orders = new Order[](count);
        uint256 next = 0;
        for (uint256 i = 0; i < TRADERS; ++i) {
            if ((mask >> i) & 1 == 0) continue;
            uint256 dice = uint256(keccak256(abi.encode(seed, i)));
            bool offer = i == 2 ? !orders[0].offer : dice & 1 == 1;
            orders[next++] = Order({
                trader: i,
                offer: offer,
                own: dice & 2 == 2,
                energy: uint32(1 + (dice >> 8) % 3000),
                limit: uint32((offer ? 50_000 : 170_000) + 30_000 * ((dice >> 40) % 8)),
                salt: bytes16(bytes32(dice))
            });
        }
    }

    function _tryToClear(Submission memory submission) private returns (bool) {
        try AUCTION.clear(submission) {
            return true;
        } catch {
            return false;
        }
    }

    /// @dev Returns whether a submission would be accepted and what would trade, and leaves everything as it was.
    function _wouldClear(Submission memory submission) private returns (bool passed, uint256 boughtWh) {
        try this.clearAndTakeBack(submission) {
            return (false, 0);
        } catch (bytes memory reason) {
            passed = bytes4(reason) == Accepted.selector;
            // the argument follows the selector
            assembly ("memory-safe") {
                if passed { boughtWh := mload(add(reason, 0x24)) }
            }
        }
    }

    /// @notice Clears, and reverts whatever comes of it.
    function clearAndTakeBack(Submission calldata submission) external {
        SlotResult memory result = AUCTION.clear(submission);
        revert Accepted(result.boughtWh);
    }

    /// @dev Clears, and compares what every account paid and got with the limit that it signed.
    function _clearAndCheck(Submission memory submission, Order[] memory orders) private returns (bool traded) {
        int256[] memory before = new int256[](TRADERS);
        for (uint256 i = 0; i < TRADERS; ++i) {
            before[i] = LEDGER.cashOf(_accounts[i]);
        }
        vm.recordLogs();
        SlotResult memory result = AUCTION.clear(submission);
        bytes memory positions = _positionsOf(vm.getRecordedLogs());
        ++slotsCleared;
        traded = result.boughtWh > 0;
        if (traded) ++slotsTraded;
        int256 balance = 0;
        for (uint256 offset = 0; offset < positions.length; offset += 22) {
            (uint32 account, int32 energy, uint256 locked, uint256 release) = _position(positions, offset);
            balance += energy;
            for (uint256 i = 0; i < orders.length; ++i) {
                Order memory order = orders[i];
                if (_accounts[order.trader] != account) continue;
                int256 paid = before[order.trader] - LEDGER.cashOf(account);
                if (!_withinLimit(order, energy, paid, locked, release)) ++limitsViolated;
            }
        }
        if (balance != 0) ++energyOutOfBalance;
        if (_tryToClear(submission)) ++openedTwice;
    }

    function _withinLimit(Order memory order, int32 energy, int256 paid, uint256 locked, uint256 release)
        private
        pure
        returns (bool)
    {
        if (paid != int256(locked)) return false;
        if (order.offer) {
            uint256 sold = uint256(uint32(-energy));
            return energy <= 0 && sold <= order.energy && release - locked >= sold * order.limit / 1000;
        }
        uint256 bought = uint256(uint32(energy));
        return energy >= 0 && bought <= order.energy && release == 0 && locked <= (bought * order.limit + 999) / 1000;
    }

    // ------------------------------------------------------------------------------- the manual, written a second time

    /// @dev Every price that can be canonical: the step prices in the market's terms, and the middles between two of them.
    function _candidatePrices(Order[] memory orders) private pure returns (uint64[] memory prices) {
        uint256 n = orders.length;
        uint64[] memory all = new uint64[](1 + n * n);
        uint256 count = 1; // the price 0, of a book in which nothing is wanted
        for (uint256 i = 0; i < n; ++i) {
            for (uint256 j = i; j < n; ++j) {
                uint64 candidate = _inMarketTerms(orders[i]) + _inMarketTerms(orders[j]);
                bool known = candidate == 0;
                for (uint256 k = 0; k < count && !known; ++k) {
                    known = all[k] == candidate;
                }
                if (!known) all[count++] = candidate;
            }
        }
        prices = new uint64[](count);
        for (uint256 k = 0; k < count; ++k) {
            prices[k] = all[k];
        }
    }

    /// @dev What an order is worth at the crossing: a bid's limit is all-in, so the charge comes off it.
    function _inMarketTerms(Order memory order) private pure returns (uint64) {
        return order.offer ? order.limit : order.limit - (C1 + FEE);
    }

    function _digest(uint64 slot, Order memory order) private view returns (bytes32) {
        bytes32 terms = keccak256(
            abi.encode(
                keccak256("Terms(uint8 side,uint32[] energyWh,uint32[] limitPriceMicroPerKwh,bytes16 salt)"),
                order.offer ? 1 : 0,
                keccak256(abi.encode(order.energy)),
                keccak256(abi.encode(order.limit)),
                order.salt
            )
        );
        bytes32 typeHash = keccak256(
            "Order(uint64 slot,uint32 account,Terms terms)"
            "Terms(uint8 side,uint32[] energyWh,uint32[] limitPriceMicroPerKwh,bytes16 salt)"
        );
        return _typed(keccak256(abi.encode(typeHash, slot, _accounts[order.trader], terms)));
    }

    function _ticket(bytes32 digest, bytes32 r, bytes32 vs) private pure returns (bytes32) {
        uint256 v = 27 + (uint256(vs) >> 255);
        return keccak256(abi.encode(digest, v, r, uint256(vs) & (type(uint256).max >> 1)));
    }

    function _typed(bytes32 structHash) private view returns (bytes32) {
        bytes32 domainType =
            keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
        bytes32 domain =
            keccak256(abi.encode(domainType, keccak256("p2ptrade"), keccak256("1"), block.chainid, address(AUCTION)));
        return keccak256(abi.encodePacked("\x19\x01", domain, structHash));
    }

    function _record(Order memory order, uint16 arrival, bytes memory signature) private view returns (bytes memory) {
        uint8 kind = 1 | (order.offer ? 8 : 0) | (order.own ? 16 : 0);
        bytes memory head = abi.encodePacked(kind, _accounts[order.trader]);
        if (order.own) head = abi.encodePacked(head, arrival);
        return abi.encodePacked(head, order.energy, order.limit, order.salt, signature);
    }

    function _submission(uint64 slot, bytes memory book, uint64 price, uint256 key)
        private
        view
        returns (Submission memory submission)
    {
        uint64[] memory prices = new uint64[](1);
        prices[0] = price;
        bytes32 verdictType =
            keccak256("Verdict(uint64 slot,bytes32 bookHash,bytes32 pricesHash,bytes32 gridHash,bytes32 envelopeRoot)");
        bytes32 bookHash = keccak256(abi.encodePacked(bytes32(0), keccak256(book)));
        bytes32 pricesHash = keccak256(abi.encode(price));
        bytes32 digest =
            _typed(keccak256(abi.encode(verdictType, slot, bookHash, pricesHash, keccak256(_gridData), bytes32(0))));
        (bytes32 r, bytes32 vs) = vm.signCompact(key, digest);
        submission = Submission(slot, book, prices, _gridData, "", 0, "", abi.encodePacked(r, vs));
    }

    function _positionsOf(Vm.Log[] memory logs) private view returns (bytes memory positions) {
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].emitter == address(AUCTION) && logs[i].topics[0] == IDoubleAuction.Cleared.selector) {
                (,,,, positions,,) =
                    abi.decode(logs[i].data, (bytes32, uint64[], bytes32, bytes32, bytes, bytes, SlotResult));
            }
        }
    }

    function _position(bytes memory positions, uint256 offset)
        private
        pure
        returns (uint32 account, int32 energy, uint256 locked, uint256 release)
    {
        uint256 word;
        // offset + 22 is within the list; what is read beyond it is cut off
        assembly ("memory-safe") {
            word := mload(add(add(positions, 0x20), offset))
        }
        account = uint32(word >> 224);
        energy = int32(uint32(word >> 192));
        locked = uint56(word >> 136);
        release = uint56(word >> 80);
    }
}

/// @title Invariants 1, 2 (bought = sold), 3, 4, 6 and 8 of the design, over whole slots and attacks in any order.
contract AuctionInvariantsTest is BaseContracts {
    AuctionHandler private _handler;
    DoubleAuction private _auction;

    function setUp() public {
        vm.warp(1_781_136_000);
        deployBase();
        GridLimits limits = new GridLimits(address(authority), 3600);
        RelayStake stakes = new RelayStake(address(authority), ledger, 10e6, 1e6, 1 days, 1 days);
        Windows memory windows = Windows(3600, 1800, 1200, 600, 7 days);
        uint32[8] memory bonds = [uint32(1e6), 9e5, 8e5, 7e5, 6e5, 5e5, 4e5, 3e5];
        uint32[8] memory collateral = [uint32(1e5), 9e4, 8e4, 7e4, 6e4, 5e4, 4e4, 3e4];
        _auction = new DoubleAuction(
            address(authority),
            ILedger(address(ledger)),
            IGridLimits(address(limits)),
            IRelayStake(address(stakes)),
            windows,
            bonds,
            collateral
        );
        ledger.setMover(address(_auction), true);
        ledger.setMover(address(stakes), true);

        address relay = makeAddr("relay");
        ledger.setSystemOwner(OPERATOR_ACCOUNT, relay);
        fund(OPERATOR_ACCOUNT, 20e6);
        stakes.appoint(relay, OPERATOR_ACCOUNT);
        vm.prank(relay);
        stakes.stake(10e6);

        uint32[] memory accounts = new uint32[](4);
        for (uint256 i = 0; i < 4; ++i) {
            accounts[i] = admit(vm.addr(0xBEEF00 + i), 0);
            // the last trader is so poor that its orders are void now and then
            fund(accounts[i], i == 3 ? 1.05e6 : 900e6);
        }
        _handler = new AuctionHandler(_auction, limits, ledger, relay, accounts);
        _auction.appointDso(_handler.dso());
        allow(address(limits), Roles.DSO, limits.publish.selector);
        authority.grantRole(Roles.DSO, address(_handler), 0);
        targetContract(address(_handler));
        bytes4[] memory handlers = new bytes4[](5);
        handlers[0] = _handler.clearASlot.selector;
        handlers[1] = _handler.letASlotLapse.selector;
        handlers[2] = _handler.clearWithAForeignVerdict.selector;
        handlers[3] = _handler.openOldOrdersAgain.selector;
        handlers[4] = _handler.refundAnUnsettledSlot.selector;
        targetSelector(FuzzSelector(address(_handler), handlers));
    }

    /// forge-config: default.invariant.runs = 6
    /// forge-config: default.invariant.shrink-run-limit = 20
    function invariant_TheAuctionKeepsItsPromises() public view {
        (int256 cash,) = sumOfCash();
        assertEq(cash, int256(credits.balanceOf(address(ledger))), "1: money is neither created nor lost");
        assertEq(_handler.energyOutOfBalance(), 0, "2: per slot, bought is sold");
        assertEq(_handler.limitsViolated(), 0, "3: nobody pays above, or receives below, the limit signed");
        assertEq(_handler.clearedWithoutVerdict(), 0, "4: no slot is cleared without the DSO's signature, or late");
        assertEq(_handler.openedTwice(), 0, "6: a seal is opened at most once, in its slot");
        assertEq(_handler.certificatesMissing(), 0, "8: every book has a certificate");
        assertEq(_handler.certificatesInExcess(), 0, "8: and only one");
        assertEq(_handler.refundsOfNothing(), 0, "what is refunded leaves the escrow");
    }

    /// @dev Witnesses: a run in which nothing happened proves nothing. Short runs, as forge's shrinking makes them, may.
    function afterInvariant() public view {
        if (_handler.slotsPlayed() < 40) return;
        assertGt(_handler.slotsCleared(), 0, "witness: a slot was cleared");
        assertEq(
            _handler.slotsTraded(), _handler.slotsCleared(), "witness: energy was traded in every slot that stayed"
        );
        assertGt(_handler.slotsLapsed(), 0, "witness: a slot lapsed");
        assertGt(_handler.foreignVerdicts(), 0, "witness: a foreign verdict was tried");
        assertGt(_handler.replays(), 0, "witness: old orders were opened again");
        assertGt(_handler.refunds(), 0, "witness: an unsettled slot was refunded");
    }

    function test_OfFortyRandomSlotsThreeQuartersTrade() public {
        uint256 taken = 0;
        for (uint256 seed = 1; seed <= 40; ++seed) {
            try _handler.clearASlot(uint256(keccak256(abi.encode(seed)))) {}
            catch (bytes memory reason) {
                assertEq(bytes32(reason), bytes32(AuctionHandler.SaysNothing.selector));
                ++taken;
            }
        }

        assertEq(_handler.slotsTraded() + taken, 40);
        assertGe(_handler.slotsTraded(), 30);
        assertTrue(ledger.cashOf(ESCROW_ACCOUNT) > 0);
        assertEq(_handler.limitsViolated() + _handler.certificatesMissing() + _handler.certificatesInExcess(), 0);
    }
}
