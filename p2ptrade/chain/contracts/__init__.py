"""One thin wrapper per contract: what it answers in domain types, and the data of the calls that change it.

Wrappers read; what they are asked to change they return as call data, which leaves through the outbox only.
"""
