"""The market operator's relay: collects sealed orders, commits to them, opens and clears them when their time has come.

Nobody has to trust it: it cannot read a seal, cannot drop one with a receipt unnoticed, cannot choose a price.
"""
