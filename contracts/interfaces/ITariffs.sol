// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Tariffs
/// @notice The retailer's prices by time of use, published in advance: what an account pays for energy that it withdrew
/// beyond its position (retail) and gets for what it injected beyond it (feed-in). The price list of a day stands until
/// a later day's replaces it, so supply has a price even if the retailer falls silent.
/// @dev A day is a UTC day, `seconds / 86400`, of 96 slots, four in a word: slot i of the day is in word i / 4, in the
/// 64 bits from bit 64 * (i % 4) on, retail in the lower 32, feed-in in the upper 32. Micro-credits per kWh.
interface ITariffs {
    /// @notice The prices from `day` on were published.
    event TariffPublished(uint32 indexed day, uint256[24] words);

    /// @notice Prices must be published by the deadline, before their day begins.
    error TariffsTooLate(uint32 day, uint256 nowSeconds, uint256 deadline);

    /// @notice Days are published in rising order, each once.
    error TariffsOutOfOrder(uint32 day, uint32 lastDay);

    /// @notice Whoever injects cannot get more than whoever withdraws pays; energy would go round in circles.
    error TariffsFeedInAboveRetail(uint256 slotOfDay, uint32 retail, uint32 feedIn);

    /// @notice No price list covers the slot.
    error TariffsMissing(uint64 slot);

    /// @notice Publishes the prices of a day and the days after it.
    /// @dev Role RETAILER.
    function publish(uint32 day, uint256[24] calldata words) external;

    /// @notice Returns the prices of a slot in micro-credits per kWh.
    function priceAt(uint64 slot) external view returns (uint32 retail, uint32 feedIn);

    /// @notice Returns how long before a day its prices must be there, in seconds.
    function notice() external view returns (uint64);

    /// @notice Returns the last day that prices were published for; 0 where there is none.
    function lastDay() external view returns (uint32);
}
