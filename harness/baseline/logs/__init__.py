"""Logs of other programs, read as bundles."""
