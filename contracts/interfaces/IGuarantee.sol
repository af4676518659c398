// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Guarantee: over a period nobody pays more than it would have paid the retailer alone
/// @notice An option of a market: a market without it has no such contract. A participant who paid more in sum over the settled
/// slots of a period than its metered energy costs at the retailer's tariffs gets the difference from the guarantee account,
/// up to `mostMicro` a period. What is due follows from clearings, settlements and corrections in the chain up to `closesAt`, but the
/// contract does not compute it: it takes the amounts from the issuer, and anybody can compute them again and name a wrong
/// one. What the contract holds whoever calls: a period once and in order, an account at most once in it, never more than
/// `mostMicro` to one, and never more than the guarantee account has.
interface IGuarantee {
    /// @notice Refunds of a period were paid.
    /// @param refunds Account (4 bytes) and amount in micro-credits (8 bytes), big endian, one after the other.
    /// @param isLast Nobody else is refunded for this period.
    event GuaranteePaid(uint32 indexed period, bytes refunds, bool isLast);

    /// @notice The period is not the next one.
    error GuaranteeWrongPeriod(uint32 period, uint32 needed);

    /// @notice Slots of the period can still be settled or corrected.
    error GuaranteePeriodOpen(uint32 period, uint256 nowSeconds, uint256 closesAt);

    /// @notice A list of refunds ends in the middle of one.
    error GuaranteeMalformedList(uint256 length);

    /// @notice Accounts are participants', and rise through all lists of a period.
    /// @param needed The smallest that may come here.
    error GuaranteeWrongAccount(uint32 account, uint32 needed);

    /// @notice An account gets at most so much for a period.
    error GuaranteeAboveMost(uint32 account, uint64 amountMicro, uint64 mostMicro);

    /// @notice The guarantee account does not hold what the list comes to.
    error GuaranteeUnfunded(int64 heldMicro, uint256 neededMicro);

    /// @notice A period has at least a day, and a guarantee gives something.
    error GuaranteeBadParameters();

    /// @notice Pay refunds of a period, all at once or in several lists.
    /// @dev Role ISSUER.
    /// @param refunds As in the event.
    /// @param isLast The period is done with this list, which may be empty.
    function pay(uint32 period, bytes calldata refunds, bool isLast) external;

    /// @notice The next period to be paid, or the one that is being paid.
    function nextPeriod() external view returns (uint32);

    /// @notice The last account of the lists paid so far for `nextPeriod`, 0 before the first.
    function lastAccount() external view returns (uint32);

    /// @notice The last second in which a slot of the period can be reported or corrected, since the epoch.
    function closesAt(uint32 period) external view returns (uint256);
}
