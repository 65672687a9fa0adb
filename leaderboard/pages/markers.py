"""A generated part of a document, between two marks."""

from demogen.errors import SubmissionError


def between_marks(text: str, name: str, content: str) -> str:
    """A document with its part of that name replaced; the rest stays as it is.

    Args:
        text: Markdown or HTML that holds the lines `<!-- name -->` and `<!-- /name -->`, each once.
        name: of the part.
        content: what to put between the marks.

    Raises:
        SubmissionError: a mark is missing, stands twice, or the end stands before the start.

    >>> between_marks("a\\n<!-- t -->\\nold\\n<!-- /t -->\\nb\\n", "t", "new\\n")
    'a\\n<!-- t -->\\nnew\\n<!-- /t -->\\nb\\n'
    """
    start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    if text.count(start) != 1 or text.count(end) != 1 or text.find(end) < text.find(start):
        raise SubmissionError(
            f"no place for {name!r}: put one line {start.strip()} and below it one line {end}"
        )
    before, _, rest = text.partition(start)
    after = rest.partition(end)[2]
    return f"{before}{start}{content.rstrip()}\n{end}{after}"
