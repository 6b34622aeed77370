"""Rewards: one file each, found by its name (`reward=<file stem>`).

Every such file offers `compute_score` with verl's signature; `response`, `graded` and `rescored`
are what they are made of. A reward never raises on model text: verl 0.9.1 would fail the whole
prompt group and fill it up without a word (`trainer/ppo/v1/replay_buffer.py`).
"""
