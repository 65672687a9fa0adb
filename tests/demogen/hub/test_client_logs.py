"""What the client logs once another library has turned logging on, as weightwatcher does."""

import logging

import pytest
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import http_backoff

from demogen.hub import client_logs
from demogen.hub.client import session
from tests.hub.fixtures import LoopbackHub
from tests.hub.small_zoo import make_zoo, pull, push

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """All that reaches a handler, of the client too, which keeps its lines to itself."""
    caplog.set_level(logging.INFO)
    client = logging.getLogger("huggingface_hub")
    client.addHandler(caplog.handler)
    yield caplog
    client.removeHandler(caplog.handler)


def test_requests_are_not_logged(hub: LoopbackHub, tmp_path, logged) -> None:
    hub.state.redirect = True
    push(hub, make_zoo(tmp_path / "zoo"))
    pull(hub, tmp_path / "pulled")
    assert any(exchange.line.startswith("GET /cdn/") for exchange in hub.faults.exchanges)
    assert [record for record in logged.records if record.name.startswith("httpx")] == []
    assert "ticket=" not in logged.text


@pytest.mark.usefixtures("no_waiting")
def test_addresses_that_fail_are_logged_without_their_signature(hub: LoopbackHub, logged) -> None:
    session()
    address = f"{hub.endpoint}/cdn/content/file"
    with pytest.raises(HfHubHTTPError):
        http_backoff("GET", f"{address}?ticket=1", max_retries=1, retry_on_status_codes=403)
    failed = {record.getMessage() for record in logged.records if address in record.getMessage()}
    assert failed == {f"HTTP Error 403 thrown while requesting GET {address}?…"}


def test_a_level_that_was_chosen_stays(monkeypatch) -> None:
    logger = logging.getLogger("httpx2")
    monkeypatch.setattr(logger, "level", logging.DEBUG)
    monkeypatch.setattr(logger, "filters", [])
    client_logs.quiet.__wrapped__()
    assert logger.level == logging.DEBUG
    record = logger.makeRecord(
        "httpx2", logging.INFO, "f", 1, "GET %s", ("https://a.b/c?Key=1",), None
    )
    assert logger.filter(record)
    assert record.getMessage() == "GET https://a.b/c?…"
