"""What the Hub's client logs: no line a request, and no address that lets its reader in.

Any library that calls `logging.basicConfig(level=logging.INFO)` turns such lines on, and an address
of a file carries a signature.
"""

import logging
from functools import cache
from typing import final

from demogen.hub.errors import hide_queries

_HTTP = ("httpx", "httpx2", "httpcore", "httpcore2")
_CLIENT = ("huggingface_hub.utils._http", "huggingface_hub.file_download")


@final
class WithoutQueries(logging.Filter):
    """Lets every record pass, without what follows "?" in an address."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the message of a record that holds an address with a query."""
        message = record.getMessage()
        if (plain := hide_queries(message)) != message:
            record.msg, record.args = plain, ()
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
        logging.getLogger(name).addFilter(WithoutQueries())
