// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DoubleAuction} from "../../../../contracts/DoubleAuction.sol";
import {GridLimits} from "../../../../contracts/GridLimits.sol";
import {Ledger} from "../../../../contracts/Ledger.sol";
import {IDoubleAuction} from "../../../../contracts/interfaces/IDoubleAuction.sol";
import {SlotResult, Submission} from "../../../../contracts/types/AuctionTypes.sol";
import {Test} from "./Test.sol";
import {Vm} from "./Vm.sol";

/// @title Random orders for a slot, sealed and written as records, for handlers that play whole slots.
/// @dev Hashing, records and prices are written here a second time, from the interface's manual, not from the libraries.
abstract contract SealedSlots is Test {
    struct Order {
        uint256 trader;
        bool offer;
        bool own;
        bool silent;
        uint32 energy;
        uint32 limit;
        bytes16 salt;
    }

    /// @dev What opens the orders of a slot: a record each, the relay's entry each (none of own seals), the own seals as pages
    /// list them.
    struct Sealed {
        bytes[] records;
        bytes[] entries;
        bytes ownSeals;
        uint32 relayed;
    }

    uint256 internal constant DSO_KEY = 0xD50;
    uint32 public constant C1 = 11_000;
    uint32 public constant FEE = 3_000;
    uint256 internal constant POSITION_BYTES = 22;

    DoubleAuction internal immutable AUCTION;
    GridLimits internal immutable LIMITS;
    Ledger internal immutable LEDGER;
    address internal immutable RELAY;
    bytes internal _gridData;
    uint32[] internal _accounts;

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

    // ------------------------------------------------------------------------------------------------------ orders

    /// @dev None to as many orders as there are traders, at most one each, with few different prices so that ties are common.
    function _randomOrders(uint256 seed) internal view returns (Order[] memory orders) {
        uint256 traders = _accounts.length;
        uint256 mask = uint256(keccak256(abi.encode(seed))) % (1 << traders);
        if (seed % 8 != 0) mask |= 5; // mostly two orders at least, on opposite sides
        uint256 count = 0;
        for (uint256 i = 0; i < traders; ++i) {
            count += (mask >> i) & 1;
        }
        orders = new Order[](count);
        uint256 next = 0;
        for (uint256 i = 0; i < traders; ++i) {
            if ((mask >> i) & 1 == 0) continue;
            uint256 dice = uint256(keccak256(abi.encode(seed, i)));
            bool offer = i == 2 ? !orders[0].offer : dice & 1 == 1;
            orders[next++] = Order({
                trader: i,
                offer: offer,
                own: dice & 2 == 2,
                silent: false,
                energy: uint32(1 + (dice >> 8) % 3000),
                limit: uint32((offer ? 50_000 : 170_000) + 30_000 * ((dice >> 40) % 8)),
                salt: bytes16(bytes32(dice))
            });
        }
    }

    /// @dev Seals own orders on the chain and returns what opens all of them.
    function _seal(uint64 slot, Order[] memory orders) internal returns (Sealed memory made) {
        made.records = new bytes[](orders.length);
        made.entries = new bytes[](orders.length);
        uint16 arrivals = 0;
        for (uint256 i = 0; i < orders.length; ++i) {
            Order memory order = orders[i];
            bytes32 digest = _digest(slot, order);
            if (order.own) {
                address owner = vm.addr(keyOf(order.trader));
                vm.prank(owner);
                AUCTION.seal(slot, digest);
                made.ownSeals = bytes.concat(made.ownSeals, abi.encodePacked(uint8(0), owner, digest));
                made.records[i] = _record(order, arrivals++, digest, "");
            } else {
                (bytes32 r, bytes32 vs) = vm.signCompact(keyOf(order.trader), digest);
                made.entries[i] = abi.encodePacked(_accounts[order.trader], _ticket(digest, r, vs));
                made.records[i] = _record(order, 0, _terms(order), abi.encodePacked(r, vs));
                ++made.relayed;
            }
        }
    }

    function _commit(uint64 slot, bytes32 root, uint32 count) internal {
        if (root == 0) return;
        vm.prank(RELAY);
        AUCTION.commit(slot, root, count);
    }

    /// @dev The running hash after one page more; an empty one is none.
    function _running(bytes32 before, bytes memory page) internal pure returns (bytes32) {
        return page.length == 0 ? before : keccak256(abi.encodePacked(before, keccak256(page)));
    }

    function _joined(bytes[] memory parts) internal pure returns (bytes memory whole) {
        for (uint256 i = 0; i < parts.length; ++i) {
            whole = bytes.concat(whole, parts[i]);
        }
    }

    // ------------------------------------------------------------------------------- the manual, written a second time

    /// @dev Every price that can be canonical: the step prices in the market's terms, and the middles between two of them.
    function _candidatePrices(Order[] memory orders) internal pure returns (uint64[] memory prices) {
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
        bytes32 typeHash = keccak256(
            "Order(uint64 slot,uint32 account,Terms terms)"
            "Terms(uint8 side,uint32[] energyWh,uint32[] limitPriceMicroPerKwh,bytes16 salt)"
        );
        return _typed(keccak256(abi.encode(typeHash, slot, _accounts[order.trader], _terms(order))));
    }

    function _terms(Order memory order) private pure returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256("Terms(uint8 side,uint32[] energyWh,uint32[] limitPriceMicroPerKwh,bytes16 salt)"),
                order.offer ? 1 : 0,
                keccak256(abi.encode(order.energy)),
                keccak256(abi.encode(order.limit)),
                order.salt
            )
        );
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

    /// @dev `unopened` is what the record of a silent owner has for a body: the hash of its terms, or an own seal's digest.
    function _record(Order memory order, uint16 arrival, bytes32 unopened, bytes memory signature)
        private
        view
        returns (bytes memory)
    {
        uint8 kind = order.own ? 16 : 0;
        kind |= order.silent ? 32 : 1 | (order.offer ? 8 : 0);
        bytes memory head = abi.encodePacked(kind, _accounts[order.trader]);
        if (order.own) head = abi.encodePacked(head, arrival);
        if (order.silent) return abi.encodePacked(head, unopened, signature);
        return abi.encodePacked(head, order.energy, order.limit, order.salt, signature);
    }

    /// @dev A verdict over the book of this hash at this price, with these envelopes, signed with `key`.
    function _verdict(uint64 slot, bytes32 bookHash, uint64 price, bytes32 envelopes, uint256 key)
        internal
        view
        returns (bytes memory)
    {
        bytes32 verdictType = keccak256(
            "Verdict(uint64 slot,bytes32 bookHash,bytes32 pricesHash,bytes32 gridHash,bytes32 envelopeRoot)"
        );
        bytes32 pricesHash = keccak256(abi.encode(price));
        bytes32 digest =
            _typed(keccak256(abi.encode(verdictType, slot, bookHash, pricesHash, keccak256(_gridData), envelopes)));
        (bytes32 r, bytes32 vs) = vm.signCompact(key, digest);
        return abi.encodePacked(r, vs);
    }

    function _submission(uint64 slot, bytes memory book, uint64 price, uint256 key)
        internal
        view
        returns (Submission memory)
    {
        uint64[] memory prices = new uint64[](1);
        prices[0] = price;
        bytes32 bookHash = keccak256(abi.encodePacked(bytes32(0), keccak256(book)));
        return Submission(slot, book, prices, _gridData, "", 0, "", _verdict(slot, bookHash, price, 0, key));
    }

    // --------------------------------------------------------------------------------------------------- positions

    function _positionsOf(Vm.Log[] memory logs) internal view returns (bytes memory positions) {
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].emitter == address(AUCTION) && logs[i].topics[0] == IDoubleAuction.Cleared.selector) {
                (,,,, positions,,) =
                    abi.decode(logs[i].data, (bytes32, uint64[], bytes32, bytes32, bytes, bytes, SlotResult));
            }
        }
    }

    /// @dev Whether what an order trades, locks and will receive is within what its owner signed.
    function _withinLimit(Order memory order, int32 energy, uint256 locked, uint256 release)
        internal
        pure
        returns (bool)
    {
        if (order.silent) return false;
        if (order.offer) {
            uint256 sold = uint256(uint32(-energy));
            return energy <= 0 && sold <= order.energy && release - locked >= sold * order.limit / 1000;
        }
        uint256 bought = uint256(uint32(energy));
        return energy >= 0 && bought <= order.energy && release == 0 && locked <= (bought * order.limit + 999) / 1000;
    }

    function _position(bytes memory positions, uint256 offset)
        internal
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
