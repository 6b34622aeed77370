import subprocess
import sys

import pytest

pytestmark = pytest.mark.engine

LOAD = """
import sys
{first}
import torch
from types import SimpleNamespace
from verl.utils.checkpoint import checkpoint_manager as found
found.get_torch_device = lambda: torch.cpu
found.get_device_name = lambda: "cpu"
found.is_device_available = lambda: True
manager = found.BaseCheckpointManager
torch.manual_seed(7)
saved = manager.get_rng_state()
expected = torch.rand(3)
torch.manual_seed(8)
manager.load_rng_state(saved)
assert torch.equal(torch.rand(3), expected)
print("restored")
"""


@pytest.mark.parametrize(
    ("first", "is_restored"), [("import harness.extensions.cpu_checkpoint", True), ("", False)]
)
def test_the_random_state_of_a_cpu_is_restored(first: str, is_restored: bool) -> None:
    """Through the installed verl; without the extension it raises, or this is no longer needed."""
    code = LOAD.format(first=first)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ("restored" in done.stdout) is is_restored, done.stderr[-2000:]
    assert is_restored or "has no attribute 'set_rng_state'" in done.stderr
