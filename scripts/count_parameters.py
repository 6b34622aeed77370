"""Count the parameters of every model of harness/plan/models.yaml, without its weights.

    python scripts/count_parameters.py

Builds each architecture with transformers on torch's meta device, which holds shapes only, and
writes harness/plan/parameters.json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
import transformers
import yaml
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForTokenClassification

ROOM = Path(__file__).resolve().parents[1] / "harness" / "plan"
COMMAND = "python scripts/count_parameters.py"


def count(config: dict[str, Any]) -> dict[str, int]:
    """Return the parameters of one model, in all and by part; a tied table counts once.

    Args:
        config: of models.yaml: `model_type` and the words of the model's config.json.
    """
    words = {key: value for key, value in config.items() if key != "model_type"}
    built = AutoConfig.for_model(config["model_type"], **words, num_labels=1)
    with torch.device("meta"):
        language = AutoModelForCausalLM.from_config(built)
        # what verl trains as a critic: the same network with a head of one output
        value = AutoModelForTokenClassification.from_config(built)
    layer = language.model.layers[0]
    return {
        "parameters": _size(language),
        "value_parameters": _size(value),
        "layer_parameters": _size(layer),
        "embedding_parameters": _size(language.model.embed_tokens),
    }


def count_all() -> dict[str, Any]:
    """Return the whole content of parameters.json."""
    models = yaml.safe_load((ROOM / "models.yaml").read_text(encoding="utf-8"))["models"]
    return {
        "command": COMMAND,
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
        "models": {name: count(entry["config"]) for name, entry in models.items()},
    }


def _size(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def main() -> int:
    """Write parameters.json; return the exit code."""
    path = ROOM / "parameters.json"
    path.write_text(json.dumps(count_all(), indent=2) + "\n", encoding="utf-8")
    print(f"wrote {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
