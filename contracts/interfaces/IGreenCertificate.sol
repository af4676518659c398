// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";

/// @title Green certificates: 1 MWh of retired energy tokens, with the slots that it comes from
/// @notice A certificate is made by retiring exactly 1,000,000 Wh of energy tokens, so the energy in it cannot be claimed
/// again. It can change hands until its holder retires it under a claim, once and for good.
interface IGreenCertificate is IERC721 {
    /// @notice A certificate was made.
    /// @param slots Delivery slots of the retired tokens, strictly rising.
    /// @param energiesWh Energy of each slot; the sum is 1 MWh.
    event Issued(uint256 indexed certificate, address indexed holder, uint64[] slots, uint32[] energiesWh);

    /// @notice A certificate was used up by its holder's claim.
    event CertificateRetired(uint256 indexed certificate, address indexed holder, string claim);

    /// @notice A certificate is 1 MWh, neither more nor less.
    error GreenCertificateNotOneMWh(uint256 energyWh, uint256 needed);

    /// @notice Each slot is listed once, in rising order, with its energy.
    error GreenCertificateMalformedSlots(uint256 index);

    /// @notice Only the holder may retire a certificate.
    error GreenCertificateNotHolder(uint256 certificate, address caller);

    /// @notice A retired certificate stays with whoever retired it.
    error GreenCertificateIsRetired(uint256 certificate);

    /// @notice Make a certificate of the caller's energy tokens, which this contract must be approved to retire.
    /// @return certificate Its number, from 1 on.
    function issue(uint64[] calldata slots, uint32[] calldata energiesWh) external returns (uint256 certificate);

    /// @notice Use a certificate up.
    /// @param claim Who used which energy for what, in a year of which grid.
    function retire(uint256 certificate, string calldata claim) external;

    /// @notice Whether a certificate was used up.
    function isRetired(uint256 certificate) external view returns (bool);

    /// @notice Number of certificates made so far.
    function issued() external view returns (uint256);
}
