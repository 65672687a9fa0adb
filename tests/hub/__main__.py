"""Serve a Hub on this machine: `python -m tests.hub --port 8200 --root /tmp/hub`."""

import argparse
from pathlib import Path

import uvicorn

from tests.hub.server import READER, WRITER, Hub, application
from tests.hub.store import Store


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.hub", description=__doc__)
    parser.add_argument("--port", type=int, default=8200)
    parser.add_argument("--root", type=Path, required=True, help="folder the repositories are in")
    arguments = parser.parse_args()
    print(f"tokens: {WRITER} (may write), {READER} (may read)", flush=True)
    hub = Hub(Store(arguments.root))
    uvicorn.run(application(hub), host="127.0.0.1", port=arguments.port)


if __name__ == "__main__":
    main()
