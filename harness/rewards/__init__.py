"""Rewards: one file each, found by its name (`reward=<file stem>`).

Every file offers `compute_score` with verl's signature. A reward never raises on model text: verl
would fail the whole prompt group and pad it silently.
"""
