// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";

/// @title Green certificates: 1 MWh of retired energy tokens, with the slots that it comes from
/// @notice A certificate is made by retiring exactly 1,000,000 Wh of energy tokens, so the energy in it cannot be claimed
/// again. What does not fit one transaction is gathered in parts before; the last part makes the certificate. It can change
/// hands until its holder retires it under a claim, once and for good.
interface IGreenCertificate is IERC721 {
    /// @notice Tokens were retired for a certificate that is not complete yet.
    /// @param slots Delivery slots of the retired tokens, strictly rising; a slot may come again in another part.
    /// @param energiesWh Energy of each slot.
    event Gathered(uint256 indexed certificate, address indexed holder, uint64[] slots, uint32[] energiesWh);

    /// @notice A certificate was made.
    /// @param slots Delivery slots of the tokens retired last, strictly rising.
    /// @param energiesWh Energy of each slot; with what was gathered before, the sum is 1 MWh.
    event Issued(uint256 indexed certificate, address indexed holder, uint64[] slots, uint32[] energiesWh);

    /// @notice A certificate was used up by its holder's claim.
    event CertificateRetired(uint256 indexed certificate, address indexed holder, string claim);

    /// @notice A certificate is 1 MWh, neither more nor less.
    error GreenCertificateNotOneMWh(uint256 energyWh, uint256 needed);

    /// @notice A part lists each slot once, in rising order, with its energy.
    error GreenCertificateMalformedSlots(uint256 index);

    /// @notice Only the holder may retire a certificate.
    error GreenCertificateNotHolder(uint256 certificate, address caller);

    /// @notice A retired certificate stays with whoever retired it.
    error GreenCertificateIsRetired(uint256 certificate);

    /// @notice Retire energy tokens of the caller, who has approved this contract, as a part of the caller's next certificate.
    /// @return certificate The number that it will have.
    function gather(uint64[] calldata slots, uint32[] calldata energiesWh) external returns (uint256 certificate);

    /// @notice Make a certificate of the caller's energy tokens, with what was gathered for it before.
    /// @return certificate Its number, from 1 on.
    function issue(uint64[] calldata slots, uint32[] calldata energiesWh) external returns (uint256 certificate);

    /// @notice Use a certificate up.
    /// @param claim Who used which energy for what, in a year of which grid.
    function retire(uint256 certificate, string calldata claim) external;

    /// @notice Whether a certificate was used up.
    function isRetired(uint256 certificate) external view returns (bool);

    /// @notice What a holder has gathered for the next certificate, in Wh, and the number it will have; 0 before a first part.
    function gatheredOf(address holder) external view returns (uint256 certificate, uint256 energyWh);

    /// @notice Number of certificates made so far.
    function issued() external view returns (uint256);
}
