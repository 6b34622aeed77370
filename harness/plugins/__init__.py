"""What runs inside veRL's own processes: the CPU platform, the paired rollout, the ordered batch.

These are the only modules of the suite that import torch, verl or vllm. verl loads `cpu` in every
process through `VERL_USE_EXTERNAL_MODULES`; README.md lists every patch, why it is there and when
it may go.
"""
