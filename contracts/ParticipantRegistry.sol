// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILedger} from "./interfaces/ILedger.sol";
import {IParticipantRegistry} from "./interfaces/IParticipantRegistry.sol";
import {AccountWord} from "./libraries/AccountWord.sol";
import {AccountStatus} from "./types/AccountStatus.sol";
import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {AuthorityUtils} from "@openzeppelin/contracts/access/manager/AuthorityUtils.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

/// @title ParticipantRegistry
/// @dev The manual is `IParticipantRegistry`.
contract ParticipantRegistry is IParticipantRegistry, AccessManaged, Pausable {
    using AccountWord for uint256;

    ILedger private immutable LEDGER;

    mapping(uint32 account => address gateway) private _gateways;
    mapping(uint32 account => bytes32 meterPoint) private _meterPoints;
    mapping(bytes32 meterPoint => uint32 account) private _accountOfMeterPoint;

    /// @param authority Access manager.
    /// @param ledger_ Ledger in which accounts are opened; this contract needs its role REGISTRY.
    constructor(address authority, ILedger ledger_) AccessManaged(authority) {
        LEDGER = ledger_;
    }

    /// @inheritdoc IParticipantRegistry
    function admit(address owner, uint8 zone, uint8 capacityKw, bytes32 meterPoint, address gateway)
        external
        restricted
        whenNotPaused
        returns (uint32 account)
    {
        return _admit(owner, zone, capacityKw, meterPoint, gateway);
    }

    /// @inheritdoc IParticipantRegistry
    function admitMany(Admission[] calldata admissions) external restricted whenNotPaused returns (uint32 first) {
        first = LEDGER.lastAccount() + 1;
        for (uint256 i = 0; i < admissions.length; ++i) {
            Admission calldata admission = admissions[i];
            _admit(admission.owner, admission.zone, admission.capacityKw, admission.meterPoint, admission.gateway);
        }
    }

    /// @inheritdoc IParticipantRegistry
    function suspend(uint32 account) external restricted {
        uint256 word = _inStatus(account, AccountStatus.Active);
        emit ParticipantSuspended(account);
        LEDGER.setAccount(account, word.zone(), AccountStatus.Suspended, word.capacityKw());
    }

    /// @inheritdoc IParticipantRegistry
    function reinstate(uint32 account) external restricted whenNotPaused {
        uint256 word = _inStatus(account, AccountStatus.Suspended);
        emit ParticipantReinstated(account);
        LEDGER.setAccount(account, word.zone(), AccountStatus.Active, word.capacityKw());
    }

    /// @inheritdoc IParticipantRegistry
    function setConnection(uint32 account, uint8 zone, uint8 capacityKw) external restricted {
        uint256 word = _participant(account);
        emit ConnectionChanged(account, zone, capacityKw);
        LEDGER.setAccount(account, zone, word.status(), capacityKw);
    }

    /// @inheritdoc IParticipantRegistry
    function setGateway(uint32 account, address gateway) external {
        uint256 word = _participant(account);
        if (msg.sender != word.owner()) {
            // A registrar with an execution delay is not asked to schedule this: it has to act at once or not at all
            // (2026-11-21).
            // slither-disable-next-line unused-return
            (bool allowed,) =
                AuthorityUtils.canCallWithDelay(authority(), msg.sender, address(this), this.setGateway.selector);
            if (!allowed) revert RegistryNotAllowed(account, msg.sender);
        }
        if (gateway == address(0)) revert RegistryGatewayMissing(account);
        emit GatewayChanged(account, _gateways[account], gateway);
        _gateways[account] = gateway;
    }

    /// @inheritdoc IParticipantRegistry
    function pause() external restricted {
        _pause();
    }

    /// @inheritdoc IParticipantRegistry
    function unpause() external restricted {
        _unpause();
    }

    /// @inheritdoc IParticipantRegistry
    function gatewayOf(uint32 account) external view returns (address) {
        return _gateways[account];
    }

    /// @inheritdoc IParticipantRegistry
    function meterPointOf(uint32 account) external view returns (bytes32) {
        return _meterPoints[account];
    }

    /// @inheritdoc IParticipantRegistry
    function accountOfMeterPoint(bytes32 meterPoint) external view returns (uint32) {
        return _accountOfMeterPoint[meterPoint];
    }

    /// @inheritdoc IParticipantRegistry
    function isAdmitted(address owner) external view returns (bool) {
        return LEDGER.wordOf(LEDGER.accountOf(owner)).status() == AccountStatus.Active;
    }

    /// @inheritdoc IParticipantRegistry
    function isMember(address owner) external view returns (bool) {
        return LEDGER.accountOf(owner) != 0;
    }

    /// @inheritdoc IParticipantRegistry
    function ledger() external view returns (address) {
        return address(LEDGER);
    }

    // The ledger is ours and calls nobody; it gives the account's number, so it comes before what is stored under it, and
    // a batch asks it once for each participant (2026-11-21).
    // slither-disable-next-line calls-loop,reentrancy-no-eth,reentrancy-benign,reentrancy-events
    function _admit(address owner, uint8 zone, uint8 capacityKw, bytes32 meterPoint, address gateway)
        private
        returns (uint32 account)
    {
        if (meterPoint == 0) revert RegistryMeterPointMissing(owner);
        uint32 holder = _accountOfMeterPoint[meterPoint];
        if (holder != 0) revert RegistryMeterPointTaken(meterPoint, holder);
        account = LEDGER.openAccount(owner, zone, capacityKw);
        if (gateway == address(0)) revert RegistryGatewayMissing(account);
        _accountOfMeterPoint[meterPoint] = account;
        _meterPoints[account] = meterPoint;
        _gateways[account] = gateway;
        emit ParticipantAdmitted(account, owner, meterPoint, zone, capacityKw, gateway);
    }

    function _participant(uint32 account) private view returns (uint256 word) {
        if (_meterPoints[account] == 0) revert RegistryUnknownParticipant(account);
        return LEDGER.wordOf(account);
    }

    function _inStatus(uint32 account, AccountStatus needed) private view returns (uint256 word) {
        word = _participant(account);
        if (word.status() != needed) revert RegistryWrongStatus(account, uint8(word.status()), uint8(needed));
    }
}
