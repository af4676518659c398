// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @dev Ledger accounts that belong to a function of the platform rather than to a participant. They exist from the
/// ledger's construction on; participants are numbered from `FIRST_PARTICIPANT`.

/// @dev Money of cleared and not yet settled slots. Without owner.
uint32 constant ESCROW_ACCOUNT = 1;
/// @dev Network charges, the grid operator's.
uint32 constant DSO_ACCOUNT = 2;
/// @dev Differences of zone prices across full lines; pays redispatch and compensation.
uint32 constant CONGESTION_RENT_ACCOUNT = 3;
/// @dev Market fees, the market operator's.
uint32 constant OPERATOR_ACCOUNT = 4;
/// @dev The retailer of last resort: counterparty of every imbalance, carrier of debts beyond the limit.
uint32 constant RETAILER_ACCOUNT = 5;
/// @dev Forfeited bonds of orders that were sealed and not opened.
uint32 constant BONDS_ACCOUNT = 6;
/// @dev The relay's slashable stake. Without owner.
uint32 constant STAKES_ACCOUNT = 7;
/// @dev Money set aside for rewards.
uint32 constant REWARDS_ACCOUNT = 8;
/// @dev Money that a market sets aside for those who paid more than the retailer alone would have cost them.
uint32 constant GUARANTEE_ACCOUNT = 9;
/// @dev Last of the system accounts that exist; 10 to 15 are reserved.
uint32 constant LAST_SYSTEM_ACCOUNT = 9;
/// @dev Participants' accounts start here.
uint32 constant FIRST_PARTICIPANT = 16;
