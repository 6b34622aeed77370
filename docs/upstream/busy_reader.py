"""The reader of vLLM's shared-memory queue takes a core for a second after each message."""

import multiprocessing
import sys
import threading
import time
from multiprocessing.connection import Connection

from vllm.distributed.device_communicators.shm_broadcast import MessageQueue, SpinCondition

IDLE_S = 0.9


def read(handle: object, answers: Connection) -> None:
    """Read one message, then wait for a second one; report how often it asked, and CPU seconds."""
    asked = []
    wait = SpinCondition.wait

    def counted(self: SpinCondition, timeout_ms: int | None = None) -> None:
        asked.append(1)
        wait(self, timeout_ms)

    SpinCondition.wait = counted
    queue = MessageQueue.create_from_handle(handle, rank=0)
    queue.wait_until_ready()
    queue.dequeue()
    asked.clear()
    begin = time.process_time()
    answers.send("read")
    queue.dequeue()
    answers.send((len(asked), time.process_time() - begin))


def main() -> int:
    """Send a message, nothing for 0.9 s, and a second message."""
    context = multiprocessing.get_context("spawn")
    near, far = context.Pipe()
    queue = MessageQueue(n_reader=1, n_local_reader=1, max_chunk_bytes=1 << 20, max_chunks=2)
    process = context.Process(target=read, args=(queue.export_handle(), far), daemon=True)
    process.start()
    ready = threading.Thread(target=queue.wait_until_ready, daemon=True)
    ready.start()
    ready.join(timeout=120)
    queue.enqueue("first")
    near.recv()
    time.sleep(IDLE_S)
    queue.enqueue("second")
    asked, used = near.recv()
    process.join(timeout=10)
    print(f"waiting {IDLE_S} s for a message: asked {asked} times, {used:.2f} CPU seconds")
    return 0 if asked > 100 else 1


if __name__ == "__main__":
    sys.exit(main())
