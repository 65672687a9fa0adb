"""Running a Hub: in a thread beside a test, or as a process of its own beside a benchmark."""

import logging
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from tests.hub.server import application
from tests.hub.state import Hub

HOST = "127.0.0.1"

ANNOUNCED = re.compile(r"http://127\.0\.0\.1:\d+")


def listen(port: int = 0) -> socket.socket:
    """A socket that waits for clients; port 0 for any that is free."""
    # Named TCP, or asyncio leaves Nagle's delay on, which costs 40 ms a request.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((HOST, port))
    # From here on clients may connect: they are answered once the server runs.
    listening.listen()
    return listening


def address(listening: socket.socket) -> str:
    return f"http://{HOST}:{listening.getsockname()[1]}"


def server_of(hub: Hub) -> uvicorn.Server:
    config = uvicorn.Config(
        application(hub),
        log_level="error",
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=1,
        # Longer than a test: a client that asks in the moment in which this closes meets a fault
        # that no test has asked for.
        timeout_keep_alive=600,
    )
    logging.getLogger("uvicorn.error").addFilter(_is_not_on_purpose)
    return uvicorn.Server(config)


def _is_not_on_purpose(record: logging.LogRecord) -> bool:
    return "returned without completing response" not in record.getMessage()


@contextmanager
def running(hub: Hub) -> Iterator[str]:
    """A Hub in a thread of this process; gives its address."""
    with listen() as listening:
        server = server_of(hub)
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.005)
        yield address(listening)
        hub.faults.clear()
        server.should_exit = True
        thread.join(timeout=10)


@contextmanager
def serving(root: Path, *options: str) -> Iterator[str]:
    """A Hub as a process of its own, so that client and server share no interpreter lock.

    Args:
        root: folder the repositories are in.
        options: more of what `python -m tests.hub` takes.

    Yields:
        Its address.
    """
    command = [sys.executable, "-m", "tests.hub", "--port", "0", "--root", str(root), *options]
    here = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=here, stdout=subprocess.PIPE, text=True) as process:
        try:
            found = ANNOUNCED.search(process.stdout.readline())
            if found is None:
                raise RuntimeError(f"the Hub did not start: {' '.join(command)}")
            yield found[0]
        finally:
            process.terminate()
