"""What the Hub's client logs: no line a request, and no address that lets its reader in.

Any library that calls `logging.basicConfig(level=logging.INFO)` turns such lines on, and an address
of a file carries a signature. Where the client waits before it tries again, one line of ours says
what for (logger `demogen.hub`).
"""

import logging
import re
from functools import cache
from typing import final

from demogen.hub.errors import hide_queries
from demogen.hub.retry import say_wait

_HTTP = ("httpx", "httpx2", "httpcore", "httpcore2")
_CLIENT = ("huggingface_hub.utils._http", "huggingface_hub.file_download")

_FAILED = re.compile(
    r"(?P<reason>.*) thrown while requesting [A-Z]+ https?://(?P<host>[^/?]+).*", re.DOTALL
)
_WAITS = re.compile(
    r"(Retrying in|Waiting) (?P<seconds>[\d.]+)s .*\[Retry (?P<tries>\d+)/(?P<most>\d+)\]"
)


@final
class WithoutQueries(logging.Filter):
    """Lets every record pass, without what follows "?" in an address."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the message of a record that holds an address with a query."""
        message = record.getMessage()
        if (plain := hide_queries(message)) != message:
            record.msg, record.args = plain, ()
        return True


@final
class RetriesInOurWords(logging.Filter):
    """Holds back the two lines that the client logs of each try that fails, and says one."""

    def __init__(self) -> None:
        super().__init__()
        self._failed = "", ""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is of something else."""
        message = record.getMessage()
        if failed := _FAILED.fullmatch(message):
            reason = re.sub(r"^\[Errno [-\d]+\] ", "", failed["reason"].strip("'"))
            self._failed = reason, failed["host"]
            return False
        if wait := _WAITS.search(message):
            say_wait(float(wait["seconds"]), *self._failed, int(wait["tries"]), int(wait["most"]))
            return False
        return True


@cache
def quiet() -> None:
    """Silence the lines that the HTTP library logs of each request, unless a level was chosen.

    Addresses lose their queries in all that is left. Done once a process.
    """
    for name in _HTTP:
        logger = logging.getLogger(name)
        logger.addFilter(WithoutQueries())
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.WARNING)
    for name in _CLIENT:
        logger = logging.getLogger(name)
        logger.addFilter(WithoutQueries())
        logger.addFilter(RetriesInOurWords())
