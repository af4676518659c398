"""The adapter to the Ethereum chain: compiler, engines, contracts, messages and the outbox."""
