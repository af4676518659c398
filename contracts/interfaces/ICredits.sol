// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";

/// @title Credits
/// @notice The means of payment: ERC-20 with permit and six decimals, one credit standing for one unit of the local
/// currency. A closed loop: credits come into being against recorded deposits and by four issuing rules below their
/// caps, circulate among admitted participants and the platform's contracts, and go out of being when redeemed.
///
/// What always holds: total supply = deposited + issued - redeemed.
interface ICredits is IERC20, IERC20Permit {
    /// @notice Why credits are issued without a deposit.
    enum IssuingRule {
        /// @dev Not a rule.
        None,
        /// @dev First registration of a participant; the unit is one registration.
        Registration,
        /// @dev Clean energy traded and delivered; the unit is a kWh of energy tokens minted.
        CleanEnergy,
        /// @dev Work of an oracle; the unit is a report signed that settled a slot.
        OracleWork,
        /// @dev Work of a validator; the unit is a block produced.
        ValidatorWork
    }

    /// @notice Money came in and was credited one to one.
    /// @param ref The treasurer's reference of the payment; counts once.
    event DepositRecorded(address indexed to, uint256 amount, bytes32 indexed ref);

    /// @notice Credits were given back for money.
    /// @param ref The holder's reference; counts once for a holder.
    event Redeemed(address indexed holder, uint256 amount, bytes32 indexed ref);

    /// @notice The treasurer paid out what was redeemed.
    /// @param payment Reference of the payment in the treasurer's books.
    event PayoutRecorded(address indexed holder, bytes32 indexed ref, bytes32 payment);

    /// @notice Credits were issued by a rule.
    /// @param reason What for; counts once for a rule.
    event Issued(IssuingRule indexed rule, address indexed to, uint256 amount, bytes32 indexed reason);

    /// @notice A rule gives `rate` for a unit of its facts, and may issue at most `amountPerDay` a UTC day, from now on.
    event IssuingTermsSet(IssuingRule indexed rule, uint64 rate, uint256 amountPerDay);

    /// @notice A contract or institution of the platform may, or may not, hold credits.
    event SystemHolderSet(address indexed holder, bool allowed);

    /// @notice The registry that says who is a participant is known now.
    event RegistrySet(address indexed registry);

    /// @notice `to` is neither an admitted participant nor part of the platform.
    error CreditsOutsideClosedLoop(address from, address to);

    /// @notice The reference was used already.
    error CreditsReferenceUsed(bytes32 ref);

    /// @notice The amount must be more than zero.
    error CreditsZeroAmount();

    /// @notice A rule has a number from 1 to 4.
    error CreditsUnknownRule(IssuingRule rule);

    /// @notice The rule's cap of the day does not allow the issue.
    /// @param available What the rule may still issue today.
    error CreditsIssuingCapExceeded(IssuingRule rule, uint256 available, uint256 needed);

    /// @notice Nothing was redeemed under this reference, or it was paid out already.
    error CreditsNothingToPayOut(address holder, bytes32 ref);

    /// @notice The registry is set once.
    error CreditsRegistryAlreadySet(address registry);

    /// @notice The registry cannot be the zero address.
    error CreditsRegistryMissing();

    /// @notice Total supply must fit into the cash fields of the ledger.
    error CreditsSupplyTooLarge(uint256 supply, uint256 maximum);

    /// @notice Credits a payment that came in, one to one. Stops while paused.
    /// @dev Role TREASURER.
    function recordDeposit(address to, uint256 amount, bytes32 ref) external;

    /// @notice Gives back credits of the caller for money. Works while paused, and for everybody who holds credits.
    function redeem(uint256 amount, bytes32 ref) external;

    /// @notice Notes that a redemption was paid out.
    /// @dev Role TREASURER.
    function recordPayout(address holder, bytes32 ref, bytes32 payment) external;

    /// @notice Issues credits by one of the four rules. Stops while paused.
    /// @dev Role ISSUER.
    function issue(IssuingRule rule, address to, uint256 amount, bytes32 reason) external;

    /// @notice Sets what a rule gives for a unit, and what it may issue a UTC day; 0, as at the start, is nothing.
    /// @dev Role ADMIN. The contract holds the issuer to the cap and to one issue a reason; that an amount is the rate
    /// times what happened, anybody can recompute from the events.
    function setIssuingTerms(IssuingRule rule, uint64 rate, uint256 amountPerDay) external;

    /// @notice Lets a contract or an institution of the platform hold credits, or not.
    /// @dev Role ADMIN. What it holds already it may still pass on or redeem.
    function setSystemHolder(address holder, bool allowed) external;

    /// @notice Says, once, which registry knows the participants.
    /// @dev Role ADMIN.
    function setRegistry(address registry) external;

    /// @notice Stops recording deposits and issuing. Transfers and redemptions go on. Role GUARDIAN.
    function pause() external;

    /// @notice Allows recording deposits and issuing again. Role GUARDIAN.
    function unpause() external;

    /// @notice Returns the sum of all recorded deposits.
    function totalDeposited() external view returns (uint256);

    /// @notice Returns the sum of everything a rule ever issued.
    function totalIssued(IssuingRule rule) external view returns (uint256);

    /// @notice Returns the sum of all redemptions.
    function totalRedeemed() external view returns (uint256);

    /// @notice Returns what a rule gives for a unit of its facts, in micro-credits.
    function issuingRate(IssuingRule rule) external view returns (uint256);

    /// @notice Returns what a rule may issue a UTC day.
    function issuingCap(IssuingRule rule) external view returns (uint256);

    /// @notice Returns what a rule may still issue on the current UTC day.
    function issuableToday(IssuingRule rule) external view returns (uint256);

    /// @notice Returns what of a redemption waits for its payout.
    function awaitingPayout(address holder, bytes32 ref) external view returns (uint256);

    /// @notice Tells whether a contract or institution of the platform may hold credits.
    function isSystemHolder(address holder) external view returns (bool);

    /// @notice Returns the registry; zero before it is set.
    function registry() external view returns (address);
}
