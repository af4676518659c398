"""Importers of other tools' networks and profiles; they need the `convert` extra and are never used at run time."""
