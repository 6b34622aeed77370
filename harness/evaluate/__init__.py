"""Evaluation of a model on its own: suites of benchmarks, sampled, graded, stored, and compared.

Files are the registry: `suites/`, `benchmarks/` and `protocols/` hold one YAML file per name.
"""
