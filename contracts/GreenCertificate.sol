// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";

import {IEnergyToken} from "./interfaces/IEnergyToken.sol";
import {IGreenCertificate} from "./interfaces/IGreenCertificate.sol";

/// @title Green certificates: 1 MWh of retired energy tokens, with the slots that it comes from
contract GreenCertificate is IGreenCertificate, ERC721 {
    /// @dev A certificate that is not complete yet.
    struct Draft {
        uint64 certificate;
        uint64 energyWh;
    }

    /// @notice Energy of a certificate in Wh.
    uint256 public constant CERTIFICATE_WH = 1_000_000;

    /// @notice The energy tokens that certificates are made of.
    IEnergyToken public immutable energyToken;

    /// @inheritdoc IGreenCertificate
    uint256 public issued;

    /// @dev The last number that a certificate or a draft has.
    uint64 private _lastNumber;
    mapping(address holder => Draft draft) private _drafts;
    mapping(uint256 certificate => bool) private _retired;

    constructor(IEnergyToken energyToken_) ERC721("p2ptrade green certificate", "P2PG") {
        energyToken = energyToken_;
    }

    /// @inheritdoc IGreenCertificate
    function gather(uint64[] calldata slots, uint32[] calldata energiesWh) external returns (uint256 certificate) {
        uint256 total;
        (certificate, total) = _take(slots, energiesWh);
        if (total >= CERTIFICATE_WH) revert GreenCertificateNotOneMWh(total, CERTIFICATE_WH);
        _drafts[msg.sender] = Draft({certificate: uint64(certificate), energyWh: uint64(total)}); // below 1 MWh
        emit Gathered(certificate, msg.sender, slots, energiesWh);
        _retireTokens(certificate, slots, energiesWh);
    }

    /// @inheritdoc IGreenCertificate
    function issue(uint64[] calldata slots, uint32[] calldata energiesWh) external returns (uint256 certificate) {
        uint256 total;
        (certificate, total) = _take(slots, energiesWh);
        if (total != CERTIFICATE_WH) revert GreenCertificateNotOneMWh(total, CERTIFICATE_WH);
        delete _drafts[msg.sender];
        ++issued;
        emit Issued(certificate, msg.sender, slots, energiesWh);
        // No receiver is asked: whoever retires its tokens for a certificate wants it.
        _mint(msg.sender, certificate);
        _retireTokens(certificate, slots, energiesWh);
    }

    /// @inheritdoc IGreenCertificate
    function retire(uint256 certificate, string calldata claim) external {
        if (_requireOwned(certificate) != msg.sender) revert GreenCertificateNotHolder(certificate, msg.sender);
        if (_retired[certificate]) revert GreenCertificateIsRetired(certificate);
        _retired[certificate] = true;
        emit CertificateRetired(certificate, msg.sender, claim);
    }

    /// @inheritdoc IGreenCertificate
    function isRetired(uint256 certificate) external view returns (bool) {
        return _retired[certificate];
    }

    /// @inheritdoc IGreenCertificate
    function gatheredOf(address holder) external view returns (uint256 certificate, uint256 energyWh) {
        Draft storage draft = _drafts[holder];
        return (draft.certificate, draft.energyWh);
    }

    /// @dev Return the number of the caller's next certificate, and its energy with this part.
    function _take(uint64[] calldata slots, uint32[] calldata energiesWh)
        private
        returns (uint256 certificate, uint256 total)
    {
        if (slots.length != energiesWh.length) revert GreenCertificateMalformedSlots(energiesWh.length);
        Draft storage draft = _drafts[msg.sender];
        certificate = draft.certificate == 0 ? ++_lastNumber : draft.certificate;
        total = draft.energyWh;
        for (uint256 index; index < slots.length; ++index) {
            if (index != 0 && slots[index] <= slots[index - 1]) revert GreenCertificateMalformedSlots(index);
            total += energiesWh[index];
        }
    }

    /// @dev Retire the caller's tokens; the last step, since it calls another contract.
    function _retireTokens(uint256 certificate, uint64[] calldata slots, uint32[] calldata energiesWh) private {
        uint256[] memory ids = new uint256[](slots.length);
        uint256[] memory amounts = new uint256[](slots.length);
        for (uint256 index; index < slots.length; ++index) {
            (ids[index], amounts[index]) = (slots[index], energiesWh[index]);
        }
        string memory claim = string.concat("green certificate ", Strings.toString(certificate));
        energyToken.retireFrom(msg.sender, ids, amounts, claim);
    }

    /// @dev What is retired stays where it is.
    function _update(address to, uint256 certificate, address auth) internal override returns (address) {
        if (_retired[certificate]) revert GreenCertificateIsRetired(certificate);
        return super._update(to, certificate, auth);
    }
}
