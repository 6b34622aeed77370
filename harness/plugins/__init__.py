"""What runs inside veRL's own processes: the CPU platform, the paired rollout, the ordered batch.

verl loads `cpu` in every process through `VERL_USE_EXTERNAL_MODULES`; README.md lists every patch,
why it is there and when it may go.
"""
