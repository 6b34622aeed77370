"""Lets verl's workers write down which responses each of their updates is made of.

Named in `environment.VERL_USE_EXTERNAL_MODULES` by a test; one line of JSON per update, in the file
that `environment.TEST_MINI_BATCHES` names.
"""

import functools
import json
import os
from types import ModuleType
from typing import Any

from harness.plugins.after_import import after_import


def _record(module: ModuleType) -> None:
    train_batch = module.TrainingWorker.train_batch

    @functools.wraps(train_batch)
    def recorded(self: Any, data: Any) -> Any:
        rows = [[int(data["index"][n]), int(data["session_id"][n])] for n in range(len(data))]
        with open(os.environ["TEST_MINI_BATCHES"], "a") as file:
            file.write(json.dumps({"model": self.config.model_type, "rows": rows}) + "\n")
        return train_batch(self, data)

    module.TrainingWorker.train_batch = recorded


after_import("verl.workers.engine_workers", _record)
