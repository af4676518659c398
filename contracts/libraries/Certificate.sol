// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDoubleAuction} from "../interfaces/IDoubleAuction.sol";

/// @dev Offsets of fields of `Certificate.Zone`, for assembly; the price is at 0.
uint256 constant ZONE_BID_ABOVE = 0x20;
uint256 constant ZONE_BID_AT = 0x40;
uint256 constant ZONE_OFFER_BELOW = 0x60;
uint256 constant ZONE_OFFER_AT = 0x80;
uint256 constant ZONE_DOWN = 0xa0;
uint256 constant ZONE_UP = 0xc0;
uint256 constant ZONE_PARENT = 0xe0;
uint256 constant ZONE_BID_SHARE = 0x200; // of offers: 0x20 further
uint256 constant ZONE_BID_RUNNING = 0x240; // of offers: 0x20 further
uint256 constant ZONE_END = 0x280;

/// @title The certificate of a clearing: one price per zone
/// @notice Accepts of all price vectors exactly one, the welfare optimum's, from one pass over the book (in
/// `BookPasses`) and one sweep over the tree (`judge`). The rule and why it is right: `docs/auction.md`. The same in Python, line by line:
/// `p2ptrade/market/certificate.py`.
/// @dev Energies are sums of at most 2^32 records of at most 2^31 Wh and prices stay below 2^36, so that nothing here comes
/// near the range of int256: all arithmetic is unchecked.
library Certificate {
    /// @dev Twice the largest price of 32 bits. As numbers, because the compiler would compute them each time.
    int256 internal constant PRICE_HALF_MAX = 0x1fffffffe;
    /// @dev Ends of an interval that is open: just outside all prices.
    int256 internal constant OPEN_BELOW = -1;
    int256 internal constant OPEN_ABOVE = 0x1ffffffff;

    /// @notice A zone at its price; energies in Wh, prices in half micro-credits per kWh.
    /// @dev Assembly refers to fields by the offsets above: 32 bytes each, in this order. `lo`, `hi`, `down`, `up` begin as
    /// the zone's own staircase and become its subtree's when the children are added. `viewLo` and `viewHi` are what the
    /// parent sees of that. The last six serve the way down.
    struct Zone {
        int256 price;
        int256 bidAbove;
        int256 bidAt;
        int256 offerBelow;
        int256 offerAt;
        int256 down;
        int256 up;
        uint256 parent;
        int256 importWh;
        int256 exportWh;
        int256 lo;
        int256 hi;
        int256 viewLo;
        int256 viewHi;
        int256 rest;
        int256 running;
        int256 bidShare;
        int256 offerShare;
        int256 bidRunning;
        int256 offerRunning;
    }

    /// @notice Refuse the prices unless they are the certificate. Sweeps from the leaves to the root.
    function judge(Zone[] memory zones) internal pure {
        unchecked {
            uint256 count = zones.length;
            for (uint256 index = 0; index < count; ++index) {
                Zone memory zone = zones[index];
                zone.lo = zone.offerBelow - zone.bidAbove - zone.bidAt;
                zone.hi = zone.offerBelow + zone.offerAt - zone.bidAbove;
            }
            for (uint256 index = count - 1; index > 0; --index) {
                Zone memory zone = zones[index];
                Zone memory parent = zones[zone.parent];
                (int256 lo, int256 hi, int256 down, int256 up) = _seenByParent(zone, parent.price, index);
                zone.viewLo = lo;
                zone.viewHi = hi;
                parent.lo += lo;
                parent.hi += hi;
                if (down > parent.down) parent.down = down;
                if (up < parent.up) parent.up = up;
            }
            _ownInterval(zones[0], 0, 0);
        }
    }

    /// @notice Set what trades at the margin of every zone, once the prices are accepted. Walks from the root to the leaves: each
    /// subtree's export is shared over its zone, then its children, pro rata of their ranges by running totals.
    function share(Zone[] memory zones) internal pure {
        unchecked {
            uint256 count = zones.length;
            for (uint256 index = 0; index < count; ++index) {
                Zone memory zone = zones[index];
                int256 target = 0;
                if (index != 0) target = zone.viewLo + _nextShare(zones[zone.parent], zone.viewHi - zone.viewLo);
                int256 ownLo = zone.offerBelow - zone.bidAbove - zone.bidAt;
                zone.rest = target - zone.lo;
                int256 export_ = ownLo + _nextShare(zone, zone.bidAt + zone.offerAt);
                // The most marginal energy that gives the export.
                int256 balance = zone.offerBelow - zone.bidAbove - export_;
                int256 most = balance + zone.offerAt;
                zone.bidShare = zone.bidAt < most ? zone.bidAt : most;
                zone.offerShare = zone.bidShare - balance;
            }
        }
    }

    /// @dev The next part's share of what a subtree's least leaves over: rest * C_i / width - rest * C_(i-1) / width.
    function _nextShare(Zone memory zone, int256 range) private pure returns (int256) {
        unchecked {
            if (range == 0) return 0;
            int256 width = zone.hi - zone.lo;
            int256 before = zone.running;
            zone.running = before + range;
            return zone.rest * (before + range) / width - zone.rest * before / width;
        }
    }

    /// @dev The subtree's staircase as the parent sees it at its own price: cut off at the limits of the line.
    function _seenByParent(Zone memory zone, int256 parentPrice, uint256 index)
        private
        pure
        returns (int256 lo, int256 hi, int256 down, int256 up)
    {
        unchecked {
            if (zone.price == parentPrice) return _clipped(zone, index);
            bool lower = zone.price < parentPrice;
            int256 target = lower ? zone.exportWh : -zone.importWh;
            (int256 a, int256 b) = _ownInterval(zone, target, index);
            if (a <= parentPrice && parentPrice <= b) {
                revert IDoubleAuction.NotSeparated(index, uint256(zone.price), uint256(parentPrice));
            }
            bool carriesNothing = zone.exportWh == -zone.importWh;
            down = !lower || carriesNothing ? OPEN_BELOW : a;
            up = lower || carriesNothing ? OPEN_ABOVE : b;
            return (target, target, down, up);
        }
    }

    function _clipped(Zone memory zone, uint256 index)
        private
        pure
        returns (int256 lo, int256 hi, int256 down, int256 up)
    {
        unchecked {
            (lo, hi, down, up) = (zone.lo, zone.hi, zone.down, zone.up);
            int256 exportWh = zone.exportWh;
            int256 least = -zone.importWh;
            if (lo > exportWh || hi < least) revert IDoubleAuction.LineOverloaded(index, lo, hi);
            if (lo <= least) (lo, down) = (least, OPEN_BELOW);
            if (hi >= exportWh) (hi, up) = (exportWh, OPEN_ABOVE);
        }
    }

    /// @dev The interval of prices at which the subtree exports `target`; refuses a price that does not stand for it.
    function _ownInterval(Zone memory zone, int256 target, uint256 index) private pure returns (int256 a, int256 b) {
        unchecked {
            int256 price = zone.price;
            if (target < zone.lo || target > zone.hi) {
                revert IDoubleAuction.DoesNotBalance(index, zone.lo, zone.hi, target);
            }
            a = target > zone.lo ? price : zone.down;
            b = target < zone.hi ? price : zone.up;
            int256 needed;
            if (a == OPEN_BELOW) needed = b == OPEN_ABOVE ? int256(0) : b;
            else if (b == OPEN_ABOVE) needed = a;
            else needed = (a + b) / 2; // ends are prices of steps, even in half units: exact
            if (price != needed) revert IDoubleAuction.NotTheMiddle(index, uint256(price), uint256(needed));
        }
    }
}
