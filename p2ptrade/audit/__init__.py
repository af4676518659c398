"""Proof that the books close, from nothing but the chain's events and the published rules."""
