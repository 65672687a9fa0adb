import pytest

from demogen.errors import SubmissionError
from leaderboard.pages.markers import between_marks

TEXT = "before\n<!-- demo -->\nold\n<!-- /demo -->\nafter\n<!-- x -->\nkept\n<!-- /x -->\n"


def test_only_the_marked_part_changes_and_again_changes_nothing():
    once = between_marks(TEXT, "demo", "| a |\n| b |\n\n")
    assert once == TEXT.replace("old\n", "| a |\n| b |\n")
    assert between_marks(once, "demo", "| a |\n| b |") == once
    assert between_marks(TEXT, "demo", r"\1 \g<0>") == TEXT.replace("old", r"\1 \g<0>")


@pytest.mark.parametrize(
    "text",
    [
        "nothing",
        "<!-- demo -->\nno end\n",
        "no start\n<!-- /demo -->\n",
        "<!-- /demo -->\n<!-- demo -->\n",
        TEXT + "<!-- demo -->\n",
        TEXT + "<!-- /demo -->\n",
    ],
)
def test_documents_without_one_place_are_refused(text):
    with pytest.raises(SubmissionError, match="no place for 'demo': put one line <!-- demo -->"):
        between_marks(text, "demo", "new")
