// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Roles
/// @notice Identifiers of the roles that the access manager grants. A role says what its holder may do; which function
/// asks for which role is configuration of the manager, written down once in the deployment and printed by it.
/// @dev People and daemons hold 0 to 7 and 9. Contracts hold 8, 10 and 11 and nobody else should.
library Roles {
    /// @notice Configures the platform; acts with the time lock of the manager.
    uint64 internal constant ADMIN = 0;
    /// @notice Admits, suspends and reinstates participants.
    uint64 internal constant REGISTRAR = 1;
    /// @notice Records deposits of money and pays out redeemed credits.
    uint64 internal constant TREASURER = 2;
    /// @notice Collects seals and openings and commits to them.
    uint64 internal constant RELAY = 3;
    /// @notice Publishes grid limits and signs verdicts.
    uint64 internal constant DSO = 4;
    /// @notice Signs reports of metered energy, k of n.
    uint64 internal constant ORACLE = 5;
    /// @notice Publishes the fallback tariffs.
    uint64 internal constant RETAILER = 6;
    /// @notice Pauses and unpauses entry, never exit.
    uint64 internal constant GUARDIAN = 7;
    /// @notice The settlement, which mints energy tokens. Who moves cash is a list of the ledger's own (`ILedger.setMover`),
    /// and who takes cleared slots over is appointed in the auction (`IDoubleAuction.appointSettlement`).
    uint64 internal constant MARKET = 8;
    /// @notice Issues credits by the four rules, below their caps, and pays refunds of a guarantee, up to what was paid in.
    uint64 internal constant ISSUER = 9;
    /// @notice The participant registry, which opens and changes ledger accounts.
    uint64 internal constant REGISTRY = 10;
    /// @notice The reputation contract, which writes reputation classes into the ledger.
    uint64 internal constant SCORER = 11;
}
