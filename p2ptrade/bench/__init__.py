"""Measurements: each module measures one thing and returns a document of rows; the commands only print it."""
