"""The auction over a tree of zones: from a book to prices, flows and fills, and the proof of them."""

from p2ptrade.market.book import Book
from p2ptrade.market.book_file import clearing_document, parse_book
from p2ptrade.market.certificate import Accepted, Fault, Refusal, verify
from p2ptrade.market.clearing import Clearing, ZoneResult, clear, marginal_energy, zone_exports
from p2ptrade.market.curves import Curve, curve
from p2ptrade.market.zones import Zone, ZoneTree

__all__ = [
    "Accepted",
    "Book",
    "Clearing",
    "Curve",
    "Fault",
    "Refusal",
    "Zone",
    "ZoneResult",
    "ZoneTree",
    "clear",
    "clearing_document",
    "curve",
    "marginal_energy",
    "parse_book",
    "verify",
    "zone_exports",
]
