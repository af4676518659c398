"""The messages between the services, one module for each of the three conversations.

All of them are strict: integers are integers, bytes have their length, unknown keys are refused. Posts are
idempotent by their content: the same seal, opening or reading sent twice is answered as it was the first time.
"""
