"""A submission whose code is not what gave its results."""

from dataclasses import dataclass

from tests.leaderboard.submissions.conftest import Made


@dataclass
class Changed(Made):
    """Attributes: folder, name of the code's file, the honest code, and a line of its compute."""

    file: str
    code: str
    line: str

    def body(self, lines: str) -> None:
        """Put these lines in the place of the honest one, and list the file as it is."""
        assert self.line in self.code
        (self.folder / self.file).write_text(self.code.replace(self.line, lines + self.line))
        self.seal()
