"""The gateway: reads meters, signs what they say, hands it to all oracles, and holds homes inside their envelopes."""
