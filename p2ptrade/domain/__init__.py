"""What the platform talks about: units, slots, orders, money. Pure: no input or output, no clock, no randomness."""
