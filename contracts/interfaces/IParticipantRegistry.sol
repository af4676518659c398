// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title ParticipantRegistry
/// @notice Who takes part, with which meter point, and which gateway key signs its readings. Admission opens the
/// participant's ledger account; suspension stops trade and leaves the cash alone.
/// @dev A meter point appears as a salted hash only, so that nobody links a pseudonym and an address on a street.
interface IParticipantRegistry {
    /// @notice One admission of a batch.
    struct Admission {
        address owner;
        uint8 zone;
        uint8 capacityKw;
        bytes32 meterPoint;
        address gateway;
    }

    /// @notice A participant was admitted.
    /// @param meterPoint Salted hash of the meter point.
    /// @param gateway Address of the key that signs its readings.
    event ParticipantAdmitted(
        uint32 indexed account,
        address indexed owner,
        bytes32 indexed meterPoint,
        uint8 zone,
        uint8 capacityKw,
        address gateway
    );

    /// @notice A participant may not trade any more.
    event ParticipantSuspended(uint32 indexed account);

    /// @notice A participant may trade again.
    event ParticipantReinstated(uint32 indexed account);

    /// @notice Zone or capacity of a participant's connection changed.
    event ConnectionChanged(uint32 indexed account, uint8 zone, uint8 capacityKw);

    /// @notice Another gateway key signs the readings of a participant from now on.
    event GatewayChanged(uint32 indexed account, address indexed previous, address indexed gateway);

    /// @notice There is no such participant.
    error RegistryUnknownParticipant(uint32 account);

    /// @notice The meter point belongs to another participant already; a meter counts once.
    error RegistryMeterPointTaken(bytes32 meterPoint, uint32 account);

    /// @notice A meter point is the salted hash of its identification, never zero.
    error RegistryMeterPointMissing(address owner);

    /// @notice A gateway key is needed; the zero address signs nothing.
    error RegistryGatewayMissing(uint32 account);

    /// @notice Only the participant itself or the registrar may change its gateway.
    error RegistryNotAllowed(uint32 account, address caller);

    /// @notice The participant is not in the state that the call starts from.
    error RegistryWrongStatus(uint32 account, uint8 status, uint8 needed);

    /// @notice Admits a participant and opens its ledger account. Stops while paused.
    /// @dev Role REGISTRAR.
    /// @param zone Zone of the connection, below 32.
    /// @param capacityKw Capacity of the connection in kW.
    /// @param meterPoint Salted hash of the meter point.
    /// @param gateway Address of the key that signs its readings.
    function admit(address owner, uint8 zone, uint8 capacityKw, bytes32 meterPoint, address gateway)
        external
        returns (uint32 account);

    /// @notice Admits several participants, in order. Stops while paused.
    /// @dev Role REGISTRAR.
    /// @return first Account of the first of them; the others follow without gaps.
    function admitMany(Admission[] calldata admissions) external returns (uint32 first);

    /// @notice Stops a participant's trade. Its cash stays free to leave.
    /// @dev Role REGISTRAR.
    function suspend(uint32 account) external;

    /// @notice Lets a participant trade again. Stops while paused.
    /// @dev Role REGISTRAR.
    function reinstate(uint32 account) external;

    /// @notice Sets zone and capacity of a participant's connection.
    /// @dev Role REGISTRAR.
    function setConnection(uint32 account, uint8 zone, uint8 capacityKw) external;

    /// @notice Sets the key that signs a participant's readings; the registrar's or the participant's own decision.
    /// @dev The caller owns the account or holds the role REGISTRAR.
    function setGateway(uint32 account, address gateway) external;

    /// @notice Stops admission and reinstatement. Role GUARDIAN.
    function pause() external;

    /// @notice Allows admission again. Role GUARDIAN.
    function unpause() external;

    /// @notice Returns the address of the key that signs a participant's readings; zero where there is none.
    function gatewayOf(uint32 account) external view returns (address);

    /// @notice Returns the salted hash of a participant's meter point; zero where there is none.
    function meterPointOf(uint32 account) external view returns (bytes32);

    /// @notice Returns the participant of a meter point; 0 where there is none.
    function accountOfMeterPoint(bytes32 meterPoint) external view returns (uint32);

    /// @notice Tells whether `owner` is a participant that may trade.
    function isAdmitted(address owner) external view returns (bool);

    /// @notice Tells whether `owner` is a participant, suspended or not.
    function isMember(address owner) external view returns (bool);

    /// @notice Returns the ledger in which accounts are opened.
    function ledger() external view returns (address);
}
