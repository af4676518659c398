"""Named places in the daemons' code at which a test may kill them.

A checkpoint is a function that is called with the name of the place just reached. The real one does nothing; the one
that a crash test arms ends the process there, without any clean-up.
"""

from collections.abc import Callable

Checkpoint = Callable[[str], None]


def pass_by(place: str) -> None:
    """Go on: the checkpoint of every process that is not under a crash test."""
