"""A part of a file on the Hub, in one ranged request that is taken up where it breaks off."""

import time
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from huggingface_hub import HfApi
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status

from demogen import __version__
from demogen.errors import ZooError
from demogen.hub import retry, waiting
from demogen.hub.client import HTTPError, session
from demogen.hub.errors import is_silence, response_of

MEBIBYTE = 1 << 20


def stream_range(
    api: HfApi, url: str, start: int, length: int, *, refetch: bool = False
) -> Iterator[bytes]:
    """Bytes [start, start + length) of the file at an address; fewer where it ends before.

    A broken connection is taken up at the byte where it broke, a silent one once; a Hub that is
    out of order or admits no more requests is left alone for a while, as its headers say.

    Args:
        api: the client, for its token.
        url: the file at a commit.
        start: first byte.
        length: number of bytes.
        refetch: ask every cache on the way for a fresh copy.

    Raises:
        Exception: of the Hub's client, to be explained by the caller, when all tries failed.
        ZooError: the server does not serve parts of files.
    """
    headers = build_hf_headers(token=api.token, library_name="demogen", library_version=__version__)
    headers["Accept-Encoding"] = "identity"
    if refetch:
        headers["Cache-Control"] = "no-cache"
    sent, failures, silences, broken = 0, 0, 0, None
    while sent < length and failures < retry.TRIES:
        before, response_headers, broken = sent, None, None
        headers["Range"] = f"bytes={start + sent}-{start + length - 1}"
        try:
            with session().stream("GET", url, headers=headers) as response:
                response_headers = response.headers
                if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                    break
                hf_raise_for_status(response)
                for piece in _pieces(response, start + sent):
                    missing = piece[: length - sent]
                    sent += len(missing)
                    yield missing
        except HTTPError as error:
            # Without a response it is the connection that broke.
            if response_of(error) is not None and not retry.has_status(error):
                raise
            broken = error
        silences = silences + 1 if is_silence(broken) else 0
        if broken is not None and silences == waiting.SILENT_TRIES:
            raise broken
        # A server that sends a mebibyte each time before it breaks off is not given up.
        failures = 0 if sent - before >= MEBIBYTE else failures + 1
        if broken is not None and 0 < failures < retry.TRIES:
            time.sleep(retry.pause(failures, response_headers))
    if broken is not None and sent < length:
        raise broken


def _pieces(response: Any, start: int) -> Iterator[bytes]:
    """What a response holds; read to its end, or the connection could not be used again."""
    if response.status_code != HTTPStatus.PARTIAL_CONTENT:
        raise ZooError(f"{response.url.host} sends whole files where parts are asked for")
    if not response.headers.get("content-range", "").startswith(f"bytes {start}-"):
        raise ZooError(f"{response.url.host} sends other parts of files than were asked for")
    yield from response.iter_raw()
