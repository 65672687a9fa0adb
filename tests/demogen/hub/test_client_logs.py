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
def test_what_is_waited_for_is_one_line_of_ours(hub: LoopbackHub, logged) -> None:
    session()
    address = f"{hub.endpoint}/cdn/content/file?ticket=1"
    with pytest.raises(HfHubHTTPError):
        http_backoff("GET", address, max_retries=1, retry_on_status_codes=403)
    host = hub.endpoint.removeprefix("http://")
    said = [(record.name, record.getMessage()) for record in logged.records]
    assert said == [
        ("demogen.hub", f"waiting 1 s for {host} (HTTP Error 403), then try 2 of 2"),
    ]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            [
                "'[Errno -2] Name or service\nnot known' thrown while requesting HEAD https://a.b/c",
                "Retrying in 4s [Retry 3/5].",
            ],
            ["waiting 4 s for a.b (Name or service not known), then try 4 of 6"],
        ),
        (
            [
                "HTTP Error 429 thrown while requesting GET http://127.0.0.1:9/x?ticket=1",
                "Rate limited. Waiting 31.0s before retry [Retry 1/5].",
            ],
            ["waiting 31 s for 127.0.0.1:9 (HTTP Error 429), then try 2 of 6"],
        ),
        (
            [
                "HTTP Error 503 thrown while requesting GET http://h/x",
                "Retrying in 0.5s [Retry 1/5].",
            ],
            [],
        ),
    ],
)
def test_the_lines_of_the_client_itself_are_held_back(lines, said, caplog) -> None:
    held_back = client_logs.RetriesInOurWords()
    logger = logging.getLogger("huggingface_hub.utils._http")
    records = [
        logger.makeRecord(logger.name, logging.WARNING, "f", 1, line, (), None) for line in lines
    ]
    assert [held_back.filter(record) for record in records] == [False, False]
    assert [record.getMessage() for record in caplog.records] == said
    other = logger.makeRecord(logger.name, logging.WARNING, "f", 1, "something else", (), None)
    assert held_back.filter(other)


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
