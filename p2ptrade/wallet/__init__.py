"""A participant's own tools: keys, sealed orders and their openings, automatic bidding, bills and proofs."""
