"""An oracle: takes signed readings, agrees with its peers on what was metered, and settles slots on the chain."""
