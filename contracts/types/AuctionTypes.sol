// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGridLimits} from "../interfaces/IGridLimits.sol";
import {ILedger} from "../interfaces/ILedger.sol";
import {IRelayStake} from "../interfaces/IRelayStake.sol";

/// @notice Leads of a session before the start of delivery and what follows it, in seconds.
/// @param limits Limits and charges of a slot are published until `start - limits`.
/// @param gate Seals are taken until `start - gate` (gate closure); openings from then on.
/// @param open Owners open on the chain until `start - open`.
/// @param clear A certificate is taken until `start - clear`; without one the slot has then lapsed.
/// @param settle What is locked in a cleared slot is free again, unsettled, from `end + settle`.
struct Windows {
    uint32 limits;
    uint32 gate;
    uint32 open;
    uint32 clear;
    uint32 settle;
}

/// @notice Where a slot is in its life: facts first, then what the clock makes of them.
/// @dev Sealing, Opening and Clearing are computed from the clock, the others from what happened (or, Lapsed, did not). Filling:
/// a clearing in pages was accepted, and not all of its pages are filled yet.
enum SlotPhase {
    Sealing,
    Opening,
    Clearing,
    Lapsed,
    Cleared,
    Settling,
    Refunded,
    Filling
}

/// @notice What a session is made with.
/// @param bonds Bond per reputation class, in micro-credits; each must be below the ledger's reserve.
/// @param collateralPrices Collateral per reputation class, in micro-credits per kWh offered.
struct AuctionParameters {
    ILedger ledger;
    IGridLimits gridLimits;
    IRelayStake relayStake;
    Windows windows;
    uint32[8] bonds;
    uint32[8] collateralPrices;
}

/// @notice Everything that clears a slot, from anybody.
/// @param slot Delivery slot, unix seconds / 900.
/// @param book Records of all orders sealed for the slot, rising by account; see `IDoubleAuction`.
/// @param prices The certificate: one price per zone, in half micro-credits per kWh.
/// @param gridData Line limits and charges that the clearing keeps; see `IGridLimits`.
/// @param published The grid data that the DSO published, if `gridData` is a tightened form of it; empty if it is the same.
/// @param envelopeRoot Merkle root of the import and export envelopes that go with the verdict; zero if there are none.
/// @param strangers Own seals of senders who have no account, in any order: (arrival u16 | sender 20 | digest 32) each.
/// @param verdict The DSO's EIP-2098 signature (64 bytes) over the `Verdict` message of exactly this result.
struct Submission {
    uint64 slot;
    bytes book;
    uint64[] prices;
    bytes gridData;
    bytes published;
    bytes32 envelopeRoot;
    bytes strangers;
    bytes verdict;
}

/// @notice What a slot was cleared to. The contract keeps its hash, the event `Cleared` all of it.
/// @param positionsHash Running hash over the position records of the filled accounts; zero if nothing traded.
/// @param networkMicro Charges C1 + C2 + C3 of all buyers, due to the DSO, in micro-credits.
/// @param feeMicro Market fee of all buyers, due to the operator, in micro-credits.
/// @param rentMicro Congestion rent and what rounding left over, in micro-credits.
/// @param boughtWh Energy traded, in Wh; sold is the same.
/// @param root What the relay had committed to, zero if nothing: claims on its receipts are answered with it.
struct SlotResult {
    bytes32 positionsHash;
    uint64 networkMicro;
    uint64 feeMicro;
    uint64 rentMicro;
    uint56 boughtWh;
    bytes32 root;
}
