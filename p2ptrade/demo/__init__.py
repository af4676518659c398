"""One real day of a neighbourhood: every daemon as its own process, a warped clock, a report and closed books."""
