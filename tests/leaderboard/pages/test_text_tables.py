import csv
import io

from leaderboard.pages.text_tables import csv_table, latex_row, latex_table


def test_csv_is_read_back_as_it_was():
    rows = [["a,b", 'say "x"', None, 0.1 + 0.2], ["line\nbreak", "", 3, -0.0]]
    text = csv_table(["one", "two", "three", "four"], rows)
    assert "\r" not in text
    head, *read = csv.reader(io.StringIO(text))
    assert head == ["one", "two", "three", "four"]
    assert read == [["a,b", 'say "x"', "", "0.30000000000000004"], ["line\nbreak", "", "3", "-0.0"]]


def test_latex_escapes_cells_and_keeps_comments_on_a_line():
    head = [latex_row(["", r"\textbf{R}"])]
    assert latex_table("lr", head, [["a_b & c", "5 %"]], ["of\n\\end{tabular}"]).splitlines() == [
        r"% of \end{tabular}",
        r"\begin{tabular}{lr}",
        r"\toprule",
        r" & \textbf{R} \\",
        r"\midrule",
        r"a\_b \& c & 5 \% \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]
