// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICredits} from "./interfaces/ICredits.sol";
import {IParticipantRegistry} from "./interfaces/IParticipantRegistry.sol";
import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit, IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

/// @title Credits
/// @dev The manual is `ICredits`.
contract Credits is ERC20, ERC20Permit, AccessManaged, Pausable, ICredits {
    /// @dev What a rule gives for a unit, may issue, and has issued.
    struct Budget {
        uint128 capPerDay;
        uint128 issuedOnDay;
        uint64 day;
        uint64 rate;
        uint128 issuedEver;
    }

    /// @dev A quarter of what the cash field of the ledger holds, in micro-credits.
    uint256 private constant MAX_SUPPLY = 1 << 61;

    IParticipantRegistry private _registry;
    uint256 private _totalDeposited;
    uint256 private _totalRedeemed;
    mapping(IssuingRule rule => Budget budget) private _budgets;
    mapping(address holder => bool allowed) private _systemHolders;
    mapping(bytes32 ref => bool used) private _depositRefs;
    mapping(IssuingRule rule => mapping(bytes32 reason => bool used)) private _reasons;
    mapping(address holder => mapping(bytes32 ref => bool used)) private _redemptionRefs;
    mapping(address holder => mapping(bytes32 ref => uint256 amount)) private _awaitingPayout;

    /// @param authority Access manager.
    constructor(address authority)
        ERC20("p2ptrade credit", "P2PC")
        ERC20Permit("p2ptrade credit")
        AccessManaged(authority)
    {}

    /// @inheritdoc ICredits
    function recordDeposit(address to, uint256 amount, bytes32 ref) external restricted whenNotPaused {
        if (amount == 0) revert CreditsZeroAmount();
        if (_depositRefs[ref]) revert CreditsReferenceUsed(ref);
        _depositRefs[ref] = true;
        _totalDeposited += amount;
        emit DepositRecorded(to, amount, ref);
        _mint(to, amount);
    }

    /// @inheritdoc ICredits
    function redeem(uint256 amount, bytes32 ref) external {
        if (amount == 0) revert CreditsZeroAmount();
        if (_redemptionRefs[msg.sender][ref]) revert CreditsReferenceUsed(ref);
        _redemptionRefs[msg.sender][ref] = true;
        _awaitingPayout[msg.sender][ref] = amount;
        _totalRedeemed += amount;
        emit Redeemed(msg.sender, amount, ref);
        _burn(msg.sender, amount);
    }

    /// @inheritdoc ICredits
    function recordPayout(address holder, bytes32 ref, bytes32 payment) external restricted {
        if (_awaitingPayout[holder][ref] == 0) revert CreditsNothingToPayOut(holder, ref);
        delete _awaitingPayout[holder][ref];
        emit PayoutRecorded(holder, ref, payment);
    }

    /// @inheritdoc ICredits
    function issue(IssuingRule rule, address to, uint256 amount, bytes32 reason) external restricted whenNotPaused {
        if (amount == 0) revert CreditsZeroAmount();
        uint256 available = issuableToday(rule);
        if (amount > available) revert CreditsIssuingCapExceeded(rule, available, amount);
        if (_reasons[rule][reason]) revert CreditsReferenceUsed(reason);
        _reasons[rule][reason] = true;
        Budget storage budget = _budgets[rule];
        // amount is at most the cap, which is a uint128
        budget.issuedOnDay = _issuedToday(budget) + uint128(amount);
        budget.day = _today();
        budget.issuedEver += uint128(amount);
        emit Issued(rule, to, amount, reason);
        _mint(to, amount);
    }

    /// @inheritdoc ICredits
    function setIssuingTerms(IssuingRule rule, uint64 rate, uint256 amountPerDay) external restricted {
        if (rule == IssuingRule.None) revert CreditsUnknownRule(rule);
        if (amountPerDay > MAX_SUPPLY) revert CreditsSupplyTooLarge(amountPerDay, MAX_SUPPLY);
        // at most the largest supply, which is below 2^128
        _budgets[rule].capPerDay = uint128(amountPerDay);
        _budgets[rule].rate = rate;
        emit IssuingTermsSet(rule, rate, amountPerDay);
    }

    /// @inheritdoc ICredits
    function setSystemHolder(address holder, bool allowed) external restricted {
        _systemHolders[holder] = allowed;
        emit SystemHolderSet(holder, allowed);
    }

    /// @inheritdoc ICredits
    function setRegistry(address registry_) external restricted {
        if (address(_registry) != address(0)) revert CreditsRegistryAlreadySet(address(_registry));
        if (registry_ == address(0)) revert CreditsRegistryMissing();
        _registry = IParticipantRegistry(registry_);
        emit RegistrySet(registry_);
    }

    /// @inheritdoc ICredits
    function pause() external restricted {
        _pause();
    }

    /// @inheritdoc ICredits
    function unpause() external restricted {
        _unpause();
    }

    /// @inheritdoc ICredits
    function totalDeposited() external view returns (uint256) {
        return _totalDeposited;
    }

    /// @inheritdoc ICredits
    function totalIssued(IssuingRule rule) external view returns (uint256) {
        return _budgets[rule].issuedEver;
    }

    /// @inheritdoc ICredits
    function totalRedeemed() external view returns (uint256) {
        return _totalRedeemed;
    }

    /// @inheritdoc ICredits
    function issuingRate(IssuingRule rule) external view returns (uint256) {
        return _budgets[rule].rate;
    }

    /// @inheritdoc ICredits
    function issuingCap(IssuingRule rule) external view returns (uint256) {
        return _budgets[rule].capPerDay;
    }

    /// @inheritdoc ICredits
    function issuableToday(IssuingRule rule) public view returns (uint256) {
        Budget storage budget = _budgets[rule];
        uint128 issued = _issuedToday(budget);
        return budget.capPerDay > issued ? budget.capPerDay - issued : 0;
    }

    /// @inheritdoc ICredits
    function awaitingPayout(address holder, bytes32 ref) external view returns (uint256) {
        return _awaitingPayout[holder][ref];
    }

    /// @inheritdoc ICredits
    function isSystemHolder(address holder) external view returns (bool) {
        return _systemHolders[holder];
    }

    /// @inheritdoc ICredits
    function registry() external view returns (address) {
        return address(_registry);
    }

    /// @notice Six decimals: the unit of the contracts is the micro-credit.
    function decimals() public pure override returns (uint8) {
        return 6;
    }

    /// @inheritdoc IERC20Permit
    function nonces(address owner) public view override(ERC20Permit, IERC20Permit) returns (uint256) {
        return super.nonces(owner);
    }

    /// @dev Credits go to admitted participants and the platform only. From the platform they also go to suspended
    /// participants: suspension stops trade, not exit.
    function _update(address from, address to, uint256 amount) internal override {
        if (to != address(0) && !_mayReceive(from, to)) revert CreditsOutsideClosedLoop(from, to);
        super._update(from, to, amount);
        if (from == address(0) && totalSupply() > MAX_SUPPLY) revert CreditsSupplyTooLarge(totalSupply(), MAX_SUPPLY);
    }

    function _mayReceive(address from, address to) private view returns (bool) {
        if (_systemHolders[to]) return true;
        if (address(_registry) == address(0)) return false;
        return _registry.isAdmitted(to) || (_systemHolders[from] && _registry.isMember(to));
    }

    function _issuedToday(Budget storage budget) private view returns (uint128) {
        return budget.day == _today() ? budget.issuedOnDay : 0;
    }

    function _today() private view returns (uint64) {
        return uint64(block.timestamp / 1 days);
    }
}
