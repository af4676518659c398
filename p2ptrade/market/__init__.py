"""The auction over a tree of zones: from a book to prices, flows and fills, and the proof of them."""

from p2ptrade.market.book import Book
from p2ptrade.market.certificate import Accepted, Fault, Refusal, verify
from p2ptrade.market.clearing import Clearing, ZoneResult, clear, marginal_energy, zone_exports
from p2ptrade.market.zones import Zone, ZoneTree

__all__ = [
    "Accepted",
    "Book",
    "Clearing",
    "Fault",
    "Refusal",
    "Zone",
    "ZoneResult",
    "ZoneTree",
    "clear",
    "marginal_energy",
    "verify",
    "zone_exports",
]
