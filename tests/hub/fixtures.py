"""A Hub on 127.0.0.1 for tests, and a client environment that can reach nothing else."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

# The client libraries read these once, at import; so they are set before any of them is imported.
_HOME = tempfile.mkdtemp(prefix="demogen-hub-")
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
for _name in [name for name in os.environ if name.startswith(("HF_", "HUGGINGFACE_"))]:
    del os.environ[_name]
os.environ |= {
    "HF_HOME": _HOME,
    # Port 9 refuses: a call that forgets its endpoint fails here instead of leaving the machine.
    "HF_ENDPOINT": "http://127.0.0.1:9",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",
}

from tests.hub.faults import Faults  # noqa: E402
from tests.hub.running import running  # noqa: E402
from tests.hub.server import Hub  # noqa: E402
from tests.hub.store import Repository, Store  # noqa: E402


@dataclass
class LoopbackHub:
    """A running Hub: its address and its state."""

    endpoint: str
    state: Hub

    @property
    def faults(self) -> Faults:
        return self.state.faults

    def repository(self, name: str) -> Repository:
        return self.state.store.repository(name)

    def environment(self, home: Path, token: str) -> dict[str, str]:
        """The environment of a process for which this is the Hub."""
        told = {"HF_ENDPOINT": self.endpoint, "HF_HOME": str(home), "HF_TOKEN": token}
        return {**os.environ, **told}


@pytest.fixture(scope="session")
def running_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopbackHub]:
    state = Hub(Store(tmp_path_factory.mktemp("hub")))
    with running(state) as endpoint:
        yield LoopbackHub(endpoint, state)


@pytest.fixture
def hub(running_hub: LoopbackHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LoopbackHub:
    """An empty Hub, and a client that has never downloaded anything."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "client-cache"))
    running_hub.state.reset(tmp_path / "hub")
    return running_hub


@pytest.fixture
def standard_hub(hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch) -> LoopbackHub:
    """The Hub that this process asks where none is named."""
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.endpoint)
    template = f"{hub.endpoint}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
    return hub


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client tries again without its pauses of up to 8 s."""
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)
