import warnings

import pytest

from demogen._util.warned import warnings_in_lines


def shown(message):
    """What Python prints of a warning."""
    return warnings.formatwarning(RuntimeWarning(message), RuntimeWarning, "file.py", 7, "code")


def test_a_warning_is_one_line_and_stands_once():
    before = shown("of one\nsplit")
    assert "file.py:7" in before
    with warnings_in_lines():
        assert shown("of one\nsplit") == "demogen: warning: of one split\n"
        assert shown("of one\nsplit") == ""
        assert shown("another \x1b[31m") == "demogen: warning: another \\x1b[31m\n"
    assert shown("of one\nsplit") == before


def test_whoever_records_gets_all():
    def warn_twice():
        for _ in range(2):
            warnings.warn("again", RuntimeWarning, stacklevel=2)

    with warnings_in_lines(), pytest.warns(RuntimeWarning) as recorded:
        warn_twice()
    assert len(recorded) == 2
