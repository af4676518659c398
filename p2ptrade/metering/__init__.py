"""Meters and what they say: register samples, the reading of a slot, plausibility, substitutes, a modelled home."""
