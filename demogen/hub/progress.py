"""A progress bar that moves while a file is being sent, not only when it is there."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from demogen._util.progress import progress_bar

if TYPE_CHECKING:
    from tqdm import tqdm


@final
class CountedFile(io.BufferedReader):
    """An open file that says how far it has been read.

    What is read again, as after a failed try, is not counted again.

    Attributes:
        reached: the farthest position that was read to, in bytes.
        on_progress: called with the number of bytes by which a read went beyond it; None: reads
            are not counted.
    """

    def __init__(self, raw: io.FileIO, on_progress: Callable[[int], object] | None = None) -> None:
        super().__init__(raw)
        self.reached = 0
        self.on_progress = on_progress

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as from any file, and count; an error names the file."""
        try:
            content = super().read(size)
        except OSError as error:
            error.filename = error.filename or str(self.name)
            raise
        if self.on_progress is not None and (beyond := self.tell() - self.reached) > 0:
            self.reached += beyond
            self.on_progress(beyond)
        return content


@final
class UploadBar:
    """Bytes sent, rate and time left, on standard error."""

    def __init__(self, bar: "tqdm[Any]") -> None:
        self._bar = bar

    @contextmanager
    def following(self, path: Path) -> Iterator[CountedFile]:
        """A file, open for reading; once its `on_progress` is `sent`, reading moves the bar.

        What was not read when the block ends is on the Hub already: the bar passes over it, and the
        rate does not count it.
        """
        with CountedFile(io.FileIO(path)) as file:
            yield file
            self._skip(path.stat().st_size - file.reached)

    def sent(self, size: int) -> None:
        """Move the bar by so many bytes."""
        self._bar.update(size)

    def _skip(self, size: int) -> None:
        # A silent bar has no such numbers.
        if not self._bar.disable:
            self._bar.initial += size
            self._bar.n += size
            # Shown when it is time for it, as any move.
            self._bar.update(0)


@contextmanager
def upload_bar(total: int, *, enabled: bool) -> Iterator[UploadBar]:
    """Progress for so many bytes; silent if not enabled."""
    with progress_bar("push", total, unit="B", unit_scale=True, enabled=enabled) as bar:
        yield UploadBar(bar)
