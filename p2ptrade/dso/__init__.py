"""The grid operator's daemon: publishes limits and charges ahead, checks results by power flow, signs verdicts."""
