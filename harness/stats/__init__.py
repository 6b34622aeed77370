"""Estimators over arrays of scores: pure functions, no files, no global state.

Axis letters in names: ``S`` training seeds, ``Q`` questions, ``K`` samples, ``B`` bootstrap draws.
Undefined numbers are NaN, never 0. Whatever is random takes ``rng`` from its caller.
"""
