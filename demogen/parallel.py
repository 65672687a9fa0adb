"""The same map in this process, in local processes, or on a Ray cluster.

Many small networks are trained or measured at the same time, one thread each: that is faster than
one network with many threads, and sums in the same order every time. The caller gets outcomes as
tasks finish; only some tasks are under way at once, so that neither tasks nor outcomes pile up.
"""

import logging
import os
import platform
import signal
import socket
import sys
import threading
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from typing import Any, TypeVar

from demogen._util import sending
from demogen.errors import DemogenError

Task = TypeVar("Task")
Outcome = TypeVar("Outcome")
Handle = TypeVar("Handle")

AHEAD = 2
"""Tasks under way for each one that can run, so that no worker waits for the caller."""

RETRIES = 3
"""How often Ray starts a task again whose worker or node died."""

CHECK_SECONDS = 30.0
"""Without an outcome for so long, a cluster is asked again whether it can run the tasks."""


def cores() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_tasks(
    function: Callable[[Task], Outcome],
    tasks: Sequence[Task],
    *,
    workers: int = 1,
    ray: str | None = None,
    cpus: float = 1,
    gpus: float = 0,
) -> Generator[tuple[int, Outcome], None, None]:
    """Yield (position, outcome) as tasks finish.

    Close the generator (`contextlib.closing`) to end workers in the middle of their tasks.

    Args:
        function: of one argument; it may be of a notebook, and so may what it is given.
        tasks: one argument each.
        workers: local processes of one thread each; 1: this process, in order.
        ray: address of a Ray cluster ("auto", or "local" to start one here) to use instead. A task
            whose worker or node dies is started again `RETRIES` times.
        cpus: of the cluster, for one task.
        gpus: likewise; a fraction shares a GPU.

    Raises:
        DemogenError: a worker process died (killed, or out of memory), or a task cannot be sent to
            one; or Ray is not installed, is not at that address, or has no node that can run a
            task.
    """
    if ray is not None:
        yield from _on_ray(function, tasks, ray, cpus, gpus)
    elif workers <= 1 or len(tasks) <= 1:
        yield from ((position, function(task)) for position, task in enumerate(tasks))
    else:
        yield from _in_processes(function, tasks, min(workers, len(tasks)))


def _drain(
    tasks: Sequence[Task],
    under_way: dict[Handle, int],
    limit: Callable[[], int],
    start: Callable[[Task], Handle],
    ready: Callable[[Collection[Handle]], Iterable[Handle]],
    get: Callable[[Handle], Outcome],
) -> Iterator[tuple[int, Outcome]]:
    """Keep up to `limit()` tasks under way, and yield (position, outcome) as they finish.

    The first fault is raised after the outcomes that were ready with it.

    Args:
        tasks: all of them.
        under_way: handle → position of each task that has been started; kept up to date.
        limit: how many tasks may be under way.
        start: starts a task.
        ready: waits until some tasks have finished, and gives their handles.
        get: outcome of a task that has finished; raises its fault.
    """
    waiting = enumerate(tasks)
    while True:
        for position, task in islice(waiting, max(0, limit() - len(under_way))):
            under_way[start(task)] = position
        if not under_way:
            return
        fault: Exception | None = None
        for handle in ready(under_way):
            position = under_way.pop(handle)
            try:
                outcome = get(handle)
            except Exception as error:
                fault = fault or error
                continue
            yield position, outcome
        if fault is not None:
            raise fault


def _in_processes(
    function: Callable[[Task], Outcome], tasks: Sequence[Task], workers: int
) -> Iterator[tuple[int, Outcome]]:
    context = _context(function.__module__)
    # Only this process holds the other end, which closes when the process ends, however it does.
    lifeline, other_end = context.Pipe(duplex=False)
    # A fork server has the environment of the moment when it was started.
    arguments = (lifeline, dict(os.environ))
    with _explained_start(workers):
        pool = ProcessPoolExecutor(
            workers, mp_context=context, initializer=_start_worker, initargs=arguments
        )
    under_way: dict[Future[Outcome], int] = {}

    def start(task: Task) -> Future[Outcome]:
        content = sending.packed(function, task)
        with _without_interrupts(), sending.without_main_module(), _explained_start(workers):
            return pool.submit(sending.run, content)

    def ready(futures: Collection[Future[Outcome]]) -> Iterable[Future[Outcome]]:
        return wait(futures, return_when=FIRST_COMPLETED).done

    finished = False
    try:
        yield from _drain(
            tasks, under_way, lambda: AHEAD * workers, start, ready, lambda future: future.result()
        )
        finished = True
    except BrokenProcessPool as error:
        raise DemogenError(
            "a worker process died (killed, or out of memory); what was finished is kept: run the "
            "same command again, with fewer --workers if memory is short"
        ) from error
    finally:
        if not finished:
            # Ends the workers: nobody waits for their tasks any more, and one may take hours.
            other_end.close()
        pool.shutdown(cancel_futures=True)
        other_end.close()
        lifeline.close()


@contextmanager
def _explained_start(workers: int) -> Iterator[None]:
    """Explain why processes cannot be started: they share locks, and a socket in a folder.

    Raises:
        DemogenError: they cannot.
    """
    try:
        yield
    # Python has no locks between processes where the system has no semaphores.
    except (OSError, NotImplementedError) as error:
        raise DemogenError(
            f"{workers} processes cannot be started here ({error}): they need /dev/shm and a "
            "folder for temporary files (TMPDIR, a short path) that can be written to, and leave "
            "for so many processes; mend that, or give --workers 1"
        ) from error


def _context(module: str) -> BaseContext:
    """How to start workers: never by forking this process, which its torch would not survive.

    On Linux they are forks of a server that has imported `module` and torch, and start at once;
    elsewhere each is a new interpreter.
    """
    if sys.platform != "linux":
        return get_context("spawn")
    context = get_context("forkserver")
    context.set_forkserver_preload([module, "torch"])
    return context


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Processes started in this block ignore Ctrl-C; their parent gets it, and ends them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_worker(lifeline: Connection, environment: dict[str, str]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Before torch is imported, which may take long: a parent may be killed meanwhile.
    threading.Thread(target=_end_with_parent, args=(lifeline,), daemon=True).start()
    os.environ.update(environment)
    _use_one_thread()


def _end_with_parent(lifeline: Connection) -> None:
    # Else the workers of a parent that was killed would wait for tasks for ever.
    lifeline.poll(None)
    os._exit(1)


def _use_one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def _on_ray(
    function: Callable[[Task], Outcome],
    tasks: Sequence[Task],
    address: str,
    cpus: float,
    gpus: float,
) -> Iterator[tuple[int, Outcome]]:
    ray = _ray()
    started_here = not ray.is_initialized()
    if started_here:
        _connect(ray, address)
    under_way: dict[Any, int] = {}
    settings = {} if started_here else {"runtime_env": {"env_vars": sending.environment()}}
    remote = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=RETRIES, **settings)(
        _outcome_or_fault
    )

    def ready(references: Collection[Any]) -> Iterable[Any]:
        while True:
            if ray.wait(list(references), timeout=CHECK_SECONDS)[0]:
                everything = len(references)
                return list(ray.wait(list(references), num_returns=everything, timeout=0)[0])
            _slots(ray, address, cpus, gpus)

    def get(reference: Any) -> Outcome:
        outcome: Outcome | _Fault = ray.get(reference)
        if isinstance(outcome, _Fault):
            raise outcome.error
        return outcome

    try:
        yield from _drain(
            tasks,
            under_way,
            lambda: AHEAD * _slots(ray, address, cpus, gpus),
            lambda task: remote.remote(sending.packed(function, task)),
            ready,
            get,
        )
    except ray.exceptions.RayTaskError:
        raise
    except ray.exceptions.RayError as error:
        raise DemogenError(
            f"Ray gave a task up after {RETRIES} retries ({_first_line(error)}); what was finished "
            "is kept: run the same command again"
        ) from error
    finally:
        for reference in under_way:
            ray.cancel(reference, force=True)
        if started_here:
            ray.shutdown()


@dataclass(frozen=True)
class _Fault:
    """An error of a task, returned instead of raised: Ray would add a traceback to its message."""

    error: Exception


def _outcome_or_fault(content: bytes) -> Any:
    _use_one_thread()
    try:
        return sending.run(content)
    except DemogenError as error:
        return _Fault(type(error)(f"on Ray node {platform.node()}: {error}"))
    except OSError as error:
        return _Fault(error)


def _ray() -> Any:
    # Ray reads these when it is imported; values that the user has set stay.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError as error:
        raise DemogenError("Ray is not installed: pip install 'demogen[ray]'") from error
    return ray


def _connect(ray: Any, address: str) -> None:
    local = {"num_cpus": cores(), "include_dashboard": False} if address == "local" else {}
    # A node has an environment of its own.
    settings = {"env_vars": sending.environment()}
    try:
        _check_listening(os.environ.get("RAY_ADDRESS", address) if address == "auto" else address)
        ray.init(
            address,
            log_to_driver=False,
            logging_level=logging.CRITICAL,
            runtime_env=settings,
            **local,
        )
    except Exception as error:
        raise DemogenError(
            f"no Ray cluster can be joined at {address!r} ({_first_line(error)}): start one by "
            "'ray start --head', or give its address as host:port; one that asks for a token needs "
            "RAY_AUTH_MODE=token"
        ) from error


def _check_listening(address: str) -> None:
    """Raise OSError where nothing listens; Ray would try for many minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=10).close()


def _slots(ray: Any, address: str, cpus: float, gpus: float) -> int:
    """How many tasks the nodes that are alive can run at once.

    Raises:
        DemogenError: no node can run a task; Ray itself would wait for one for ever.
    """
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    slots = 0
    for resources in nodes:
        needed = {"CPU": cpus, "GPU": gpus}
        limits = [resources.get(kind, 0) // amount for kind, amount in needed.items() if amount]
        slots += int(min(limits, default=cores()))
    if not slots:
        have = {
            kind: max((node.get(kind, 0) for node in nodes), default=0) for kind in ("CPU", "GPU")
        }
        raise DemogenError(
            f"no node of the Ray cluster {address!r} can run a task of {cpus:g} CPUs and {gpus:g} "
            f"GPUs (the most that one has: {have['CPU']:g} and {have['GPU']:g}); ask for less, or "
            "add a node"
        )
    return slots


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
