import json
from datetime import date

import pytest

from demogen.errors import ResultError, SubmissionError
from leaderboard.pages.tables import render
from leaderboard.results.origins import Again, Unseen
from leaderboard.results.ranking import ranked_tables
from leaderboard.results.result import read_results, write_result
from leaderboard.submissions.folder import read_folder
from leaderboard.submissions.merging import Confirmed, merge
from leaderboard.submissions.rerun import Remeasured

DAY = date(2026, 5, 1)
EVERYTHING = "signatures, zoo, measure, access, seconds, epochs, paper, summary, versions"
RANKING = "toy@5a5a5a5a5a5a/grouped-kfold-10/gap/toy-predictor.json"


@pytest.fixture
def there(tmp_path):
    return tmp_path / "there"


def measured_again(zoo, *costs):
    return Remeasured(zoo.digest, Again(networks=5, of=60), costs, ("checked",))


def row_of(folder):
    [table] = ranked_tables(read_results(folder))
    [row] = table.rows
    return row


def test_results_lie_where_they_belong_and_merging_again_changes_nothing(made, there):
    contents = read_folder(made.folder)
    new = merge(contents, there, day=DAY)
    assert new[0] == there / "submissions" / "toy-predictor.jsonl"
    assert len(new) == 3
    assert read_results(there) == list(contents.results)
    assert merge(contents, there) == []


def test_what_is_there_with_other_content_is_refused_and_nothing_is_copied(made, there):
    contents = read_folder(made.folder)
    place = there / contents.results[-1].path
    place.parent.mkdir(parents=True)
    place.write_text("{}")
    with pytest.raises(SubmissionError, match="is there with other content"):
        merge(contents, there)
    assert [path for path in there.rglob("*") if path.is_file()] == [place]
    place.unlink()
    place.symlink_to(made.folder / "results" / contents.results[-1].path)
    with pytest.raises(SubmissionError, match="is there with other content"):
        merge(contents, there)


def test_what_nobody_checked_is_marked_wherever_it_is_shown(made, there):
    merge(read_folder(made.folder), there, day=DAY)
    results = read_results(there)
    assert set(results.to_frame()["claimed"]) == {EVERYTHING}
    assert set(results.select(split="kfold-10").to_frame()["claimed"]) == {EVERYTHING}
    row = row_of(there)
    assert (row.checked, row.claimed) == ("claimed", EVERYTHING)
    assert (row.paper, row.access) == ("jiang2019 (claimed)", "train (claimed)")
    assert (row.since, row.submissions) == (DAY, 1)
    markdown = render(results)
    for cell in ("jiang2019 (claimed)", "train (claimed)", "0.500 (claimed)", "0.125 (claimed)"):
        assert f"| {cell} |" in markdown
    assert "What is claimed nobody checked" in markdown
    assert "toy-predictor (claimed) & " in render(results, "latex")
    assert f'"{EVERYTHING}"' in render(results, "csv")
    assert "claimed" not in render(list(results))


@pytest.mark.parametrize(
    ("costs", "left"),
    [
        ((), "seconds, epochs, paper, summary, versions"),
        (("epochs",), "seconds, paper, summary, versions"),
        (("seconds", "epochs"), "paper, summary, versions"),
    ],
)
def test_what_was_checked_is_not_marked(made, zoo, there, costs, left):
    confirmed = Confirmed((zoo,), (measured_again(zoo, *costs),), {RANKING: 0.01})
    merge(read_folder(made.folder), there, confirmed, DAY)
    row = row_of(there)
    assert (row.checked, row.claimed, row.chance) == ("5 of 60", left, 0.01)
    assert row.access == "train"
    assert row.paper == "jiang2019 (claimed)"


def test_a_zoo_alone_checks_no_signature(made, zoo, there):
    merge(read_folder(made.folder), there, Confirmed((zoo,)), DAY)
    assert row_of(there).checked == "claimed"
    assert row_of(there).claimed == EVERYTHING.replace("zoo, ", "")


def test_an_installed_predictor_has_its_own_words_and_a_revision_is_that_of_the_zoo(
    make, zoo, make_submission, there
):
    [result] = make.results(zoo, name="product-norm", splits=["kfold-10"])
    at = result.model_copy(update={"revision": "4f" * 20})
    contents = read_folder(make_submission("one").write([at], "product-norm").folder)
    merge(contents, there, Confirmed((zoo,)))
    assert row_of(there).claimed == "signatures, seconds, epochs, revision, versions"
    [table] = ranked_tables(read_results(there))
    assert table.revision == f"{'4f' * 20} (claimed)"


def test_what_was_checked_once_stays_checked_and_what_comes_later_is_added(made, zoo, there):
    contents = read_folder(made.folder)
    merge(contents, there, Confirmed((zoo,), (measured_again(zoo, "epochs"),)), DAY)
    assert merge(contents, there, Confirmed((zoo,), (), {RANKING: 0.02})) != []
    assert merge(contents, there) == []
    row = row_of(there)
    assert (row.checked, row.chance, row.since) == ("5 of 60", 0.02, DAY)
    assert row.claimed == "seconds, paper, summary, versions"
    assert row.submissions == 1


def test_a_result_that_is_not_the_one_that_was_merged_is_refused(made, zoo, make, there):
    merge(read_folder(made.folder), there)
    [other] = make.results(zoo, splits=["kfold-10"], seed=9)
    path = write_result(other, there)
    with pytest.raises(ResultError, match="is not the file that was merged"):
        read_results(there)
    with pytest.raises(ResultError, match="is not the file that was merged"):
        read_results(path.parent)


def test_marks_are_seen_in_a_part_of_the_folder_too(made, there):
    merge(read_folder(made.folder), there)
    [part] = read_results(there / "toy@5a5a5a5a5a5a" / "kfold-10").to_frame()["claimed"]
    assert part == EVERYTHING


def test_a_damaged_file_of_merges_is_one_line(made, there):
    ledger = merge(read_folder(made.folder), there)[0]
    for content in (b"{", b"\xff", b'{"format_version": 2}\n', b"[]\n"):
        ledger.write_bytes(content)
        with pytest.raises(ResultError, match="toy-predictor.jsonl") as error:
            read_results(there)
        assert "\n" not in str(error.value)


def test_submissions_are_counted_by_author_however_spelled_and_by_measure(
    make, zoo, make_submission, there
):
    def submitted(name, author, measure):
        [result] = make.results(zoo, name=name, splits=["kfold-10"])
        of = result.measure.model_copy(update={"name": measure})
        made = make_submission(name).write([result.model_copy(update={"measure": of})])
        made.say(authors=(author,))
        merge(read_folder(made.folder), there)

    submitted("one", "A. Author", "first")
    submitted("two", "\u0410. AUTHOR", "second")
    submitted("three", "C. Other", "second")
    submitted("four", "D. Alone", "fourth")
    [table] = ranked_tables(read_results(there))
    counts = {row.predictor: row.submissions for row in table.rows}
    assert counts == {"one": 2, "two": 3, "three": 2, "four": 1}


def test_a_score_on_a_zoo_held_out_ranks_and_who_lacks_it_is_not_ranked(
    make, zoo, make_submission, there
):
    r2s = {"chosen": -0.3, "honest": 0.4, "absent": None}
    for name, r2 in r2s.items():
        noise = 0.01 if name == "chosen" else 0.2
        [result] = make.results(zoo, name=name, splits=["kfold-10"], noise=noise)
        unseen = Unseen(zoo_digest="77" * 32, networks=30, missing=0, r2=r2)
        given = {str(result.path): unseen} if r2 is not None else {}
        contents = read_folder(make_submission(name).write([result]).folder)
        merge(contents, there, Confirmed(unseen=given))
    [table] = ranked_tables(read_results(there))
    ranks = [(row.rank, row.predictor, row.r2_unseen) for row in table.rows]
    assert ranks == [(1, "honest", 0.4), (2, "chosen", -0.3), (None, "absent", None)]
    assert "ranked by R² on a zoo held out (sha256 777777777777)" in render(read_results(there))
    assert "| R² unseen \u2191 |" in render(read_results(there))


def test_lines_are_closed_to_unknown_keys_and_claims(made, there):
    ledger = merge(read_folder(made.folder), there)[0]
    line = json.loads(ledger.read_text())
    line["files"][RANKING]["claimed"] = ["everything is checked"]
    ledger.write_text(json.dumps(line))
    with pytest.raises(ResultError, match="line 1 is no merge"):
        read_results(there)
