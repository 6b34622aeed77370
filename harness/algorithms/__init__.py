"""Mathematics that veRL does not have: one file per algorithm, loaded by the cells that name it.

A config names its file in veRL's own key, `verl.actor_rollout_ref.model.external_lib:
harness.algorithms.<name>`; veRL imports it in the trainer and in every worker, where it registers
itself in veRL's registries. Only cells that name a file have its source in their id.
"""
