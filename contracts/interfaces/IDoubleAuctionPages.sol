// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SlotPhase} from "../types/AuctionTypes.sol";
import {BookPage, Clearing, Outcome} from "../types/PageTypes.sol";

/// @title Clearing a book of several pages
/// @notice A book that is too long for one transaction is judged page by page, under the certificate that the first page fixes; with
/// the last page certificate and seals are judged, and the clearing is accepted or refused as a whole. Nothing moves before
/// that. Then the same pages are filled, in order: cash moves and positions come out. Everybody may send any page.
///
/// **State.** Between two calls the contract keeps one hash; the state itself comes out in an event, and goes with the next
/// call (`Judged` and `Filled` in `types/PageTypes.sol`, ABI-encoded). Whoever judges otherwise gets another state and
/// disturbs nobody: every state that was reached can be gone on from. An accepted clearing is the only one of its slot.
///
/// **Seals.** The relay's commitment runs over chunks of its entries; the entries of a chunk may be spread over several
/// pages. Own seals come into the book by account and were chained by arrival: they are given once more in that order
/// (`BookPage.seals`), and a product over each list shows that both are the same.
///
/// **Outcome of a page.** Its void orders as in `IDoubleAuction`, and, in book order, 13 bytes for every order that trades if
/// the certificate is accepted, and for every bond that is then taken:
///
///     account u32 | class 3 bits, zone 5 bits | side 1 bit, energy of the steps better than the price 31 bits | energy at it u32
///     account u32 | 0 u8 | bond in micro-credits u32 | 0xffffffff
///
/// **Cash.** Cover was judged before cash moves. From the first page of a slot to its last nothing else of this session is
/// cleared and no cash is withdrawn from the ledger; earlier slots may be settled in between, whose debts are the same in
/// either order. Both end by themselves: a clearing that was not accepted when its window closes holds up nothing, an
/// accepted one nothing beyond the start of delivery, though it can still be filled.
interface IDoubleAuctionPages {
    /// @notice A page of a book was judged.
    /// @param clearing Hash of the ABI-encoded `Clearing`.
    /// @param outcome What it came to.
    /// @param state What the next call needs: `Judged`, ABI-encoded.
    event PageJudged(uint64 indexed slot, bytes32 indexed clearing, Outcome outcome, bytes state);

    /// @notice A whole book was judged: the slot will be cleared so, and only so.
    /// @param state What the first call of `fillPage` needs: `Filled`, ABI-encoded.
    event Accepted(uint64 indexed slot, Clearing clearing, bytes state);

    /// @notice A page was filled, and another one follows. `Cleared` has the positions and voids of the last page.
    /// @param positions Position records of the page.
    /// @param voids Orders left out of the page.
    /// @param state What the next call of `fillPage` needs.
    event PageFilled(uint64 indexed slot, bytes positions, bytes voids, bytes state);

    /// @notice Nobody has come to this state of this clearing.
    error UnknownState(uint64 slot, bytes32 clearing, bytes32 state);

    /// @notice The page was judged already, with the same result.
    error AlreadyJudged(uint64 slot, bytes32 state);

    /// @notice A book of no pages needs none of this.
    error EmptyBook(uint64 slot);

    /// @notice No clearing of the slot waits for its pages to be filled.
    error NotAccepted(uint64 slot, SlotPhase phase);

    /// @notice The outcome is not that of the page whose turn it is.
    error WrongOutcome(uint64 slot, uint256 page, bytes32 needed, bytes32 found);

    /// @notice Another slot is being cleared in pages.
    error AnotherSlotIsClearing(uint64 slot, uint64 other);

    /// @notice Judge the next page of a book, and accept the clearing if it was the last; by anybody.
    /// @param clearing The same in all calls.
    /// @param page What comes next.
    /// @param state As the event of the call before has it; empty for the first page.
    function judgePage(Clearing calldata clearing, BookPage calldata page, bytes calldata state) external;

    /// @notice Return the slot that is being cleared in pages, or was last and never finished; 0 if there is none.
    function busySlot() external view returns (uint64);

    /// @notice Fill the next page of an accepted clearing; by anybody, at any time.
    /// @param clearing The accepted one.
    /// @param outcome What the page came to, as its `PageJudged` has it.
    /// @param state As the event of the call before has it.
    function fillPage(Clearing calldata clearing, Outcome calldata outcome, bytes calldata state) external;
}
