"""The same map in this process, in local processes, or on a Ray cluster.

A pool trains and measures many small networks, one thread each: that is faster than one network
with many threads, and sums in the same order every time.
"""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection, get_context, parent_process
from typing import Any, TypeVar

from demogen.errors import DemogenError

Task = TypeVar("Task")
Outcome = TypeVar("Outcome")


def cores() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_tasks(
    function: Callable[[Task], Outcome],
    tasks: Sequence[Task],
    *,
    workers: int = 1,
    ray: str | None = None,
) -> Iterator[tuple[int, Outcome]]:
    """Yield (position, outcome) as tasks finish.

    Args:
        function: importable (not a lambda or closure) where `workers` > 1.
        tasks: one argument each.
        workers: local processes of one thread each; 1: this process, in order.
        ray: address of a Ray cluster ("auto", or "local" to start one here) to use instead.

    Raises:
        DemogenError: a worker process died (killed, or out of memory).
    """
    if ray is not None:
        yield from _on_ray(function, tasks, ray)
    elif workers <= 1 or len(tasks) <= 1:
        yield from ((position, function(task)) for position, task in enumerate(tasks))
    else:
        yield from _in_processes(function, tasks, min(workers, len(tasks)))


def _in_processes(
    function: Callable[[Task], Outcome], tasks: Sequence[Task], workers: int
) -> Iterator[tuple[int, Outcome]]:
    # Started afresh rather than forked: torch's thread pools do not survive a fork.
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_start_worker)
    try:
        pending = {pool.submit(function, task): position for position, task in enumerate(tasks)}
        while pending:
            for future in wait(pending, return_when=FIRST_COMPLETED).done:
                yield pending.pop(future), future.result()
    except BrokenProcessPool as error:
        raise DemogenError(
            "a worker process died (killed, or out of memory); what was finished is kept: run the "
            "same command again, with fewer --workers if memory is short"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _start_worker() -> None:
    import torch

    torch.set_num_threads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    # A pool's workers would wait for tasks for ever if their parent were killed.
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _on_ray(
    function: Callable[[Task], Outcome], tasks: Sequence[Task], address: str
) -> Iterator[tuple[int, Outcome]]:
    try:
        import ray
    except ImportError as error:
        raise DemogenError("Ray is not installed: pip install 'demogen[ray]'") from error
    started_here = not ray.is_initialized()
    if started_here:
        ray.init(address=None if address == "local" else address, log_to_driver=False)
    try:
        remote: Any = ray.remote(num_cpus=1)(function)
        pending = {remote.remote(task): position for position, task in enumerate(tasks)}
        while pending:
            for reference in ray.wait(list(pending))[0]:
                yield pending.pop(reference), ray.get(reference)
    finally:
        if started_here:
            ray.shutdown()
