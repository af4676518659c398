"""p2ptrade: homes trade solar energy with their neighbours over a permissioned chain."""

__version__ = "0.1.0"
