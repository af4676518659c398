// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice What the oracles sign for a slot (EIP-712). Version 1 settles the slot, every later one corrects it.
/// @param slot Delivery slot, start / 900.
/// @param version 1 for the first report of a slot, then rising by one.
/// @param readingsRoot Root of the Merkle tree over all readings that the report was computed from.
/// @param dataHash Running hash over the pages: h_0 = 0, h_i = keccak256(h_(i-1) || keccak256(page_i)).
/// @param accounts Accounts in all pages together; in a correction, the accounts that are corrected.
/// @param deliveredWh Energy, in Wh, that the sellers sold in the auction and were metered, not estimated, to deliver.
struct Report {
    uint64 slot;
    uint32 version;
    bytes32 readingsRoot;
    bytes32 dataHash;
    uint32 accounts;
    uint64 deliveredWh;
}

/// @notice How the price of an imbalance is found.
/// OWN_DEVIATION: shortage at the retail tariff, surplus at the feed-in tariff, each account by itself.
/// MATCHED_SIDES: only the smaller of delivered and taken traded energy counts as traded, shared pro rata; what is not
/// matched is unwound at the price it traded at, then every account's rest is priced as in OWN_DEVIATION.
/// ONE_PRICE: shortage and surplus at one price: retail if all accounts together withdrew, else feed-in.
enum ImbalanceRule {
    OWN_DEVIATION,
    MATCHED_SIDES,
    ONE_PRICE
}

/// @notice The rules of settlement; they fill one storage word.
/// @param toleranceWh Deviation without penalty, in Wh.
/// @param tolerancePpm The same as a share of the position, in ppm; the larger of the two counts.
/// @param deviationMicroPerKwh Penalty per kWh beyond the tolerance, in micro-credits.
/// @param breachMicroPerKwh Penalty per kWh outside the signed envelope, in micro-credits.
/// @param imbalanceRule How imbalance is priced.
/// @param quorum Oracle signatures that a report needs.
/// @param feederCapWh Most net energy, in Wh and either direction, that all accounts together can have in a slot.
/// @param deliveryCapWh Most energy, in Wh, that can be reported as delivered in a slot.
struct Rules {
    uint32 toleranceWh;
    uint32 tolerancePpm;
    uint32 deviationMicroPerKwh;
    uint32 breachMicroPerKwh;
    ImbalanceRule imbalanceRule;
    uint8 quorum;
    uint56 feederCapWh;
    uint56 deliveryCapWh;
}

/// @notice Where the settlement of a slot is. STALE is what nobody settled before the deadline.
enum SettlementState {
    NONE,
    REPORTED,
    SETTLING,
    SETTLED,
    STALE
}

/// @notice Facts about the settlement of a slot.
/// @param state NONE, REPORTED, SETTLING or SETTLED.
/// @param version Newest version that was settled, 0 before the first.
/// @param deliveredWh Metered delivery of what was sold, in Wh, by the newest correction; 0 if there was none.
/// @param mintedWh Energy tokens minted for the slot, in Wh; 0 if there was no correction: it is then what `Settled` says.
struct SlotSettlement {
    SettlementState state;
    uint32 version;
    uint64 deliveredWh;
    uint64 mintedWh;
}

/// @notice Proves that `page` is one of the pages of a report.
/// @param before Running hash before the page.
/// @param page The page itself.
/// @param later Hashes of the pages after it, in order.
struct PageProof {
    bytes32 before;
    bytes page;
    bytes32[] later;
}
