"""What runs inside veRL's processes on GPUs, through veRL's own extension points.

Apart from `harness/plugins/`, whose sources are part of the id of every cell: only the cells that
name a module of this room in `VERL_USE_EXTERNAL_MODULES` have its source in theirs.
"""
