import json

import pytest
from sklearn.ensemble import RandomForestRegressor

from demogen.errors import SubmissionError
from leaderboard.results.result import Result, write_result
from leaderboard.scoring.scores import score
from leaderboard.submissions.claims import accesses
from leaderboard.submissions.validation import validate


def refused(made, *given):
    with pytest.raises(SubmissionError) as error:
        validate(made.folder, *given)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_an_honest_one_passes_and_what_was_checked_is_said(made, zoo):
    contents, checked = validate(made.folder, [zoo])
    assert len(contents.results) == 2
    assert checked == [
        "2 results of toy-predictor, whole and in their places",
        "toy-predictor is not installed here: what it reads, only its code can tell",
        "the scores follow from the predictions, and these from the signatures",
        "splits, targets and folds are those of toy",
    ]
    assert validate(made.folder)[1][-1] == "splits and targets are not checked: no zoo was given"


def test_a_forged_score_is_refused(made):
    made.forge(lambda content: content["scores"].update(r2_pooled=0.999))
    assert "it claims r2_pooled 0.999, but its predictions give 0." in refused(made)


def leak(content):
    """Predictions half way to the truth, the scores true of them."""
    for fold in content["folds"]:
        pairs = zip(fold["ids"], fold["predictions"], strict=True)
        fold["predictions"] = [(content["targets"][id] + value) / 2 for id, value in pairs]


def test_a_leaked_gap_is_refused(made, zoo):
    made.forge(leak, rescore=True)
    message = refused(made, [zoo])
    assert message.startswith("toy-predictor on kfold-10 of toy: fold 0 predicts 0.")
    assert "but the regressor fitted again predicts" in message


def test_a_wrong_split_is_refused(made, zoo):
    def swap(content):
        one, other = content["folds"][:2]
        one["ids"], other["ids"] = other["ids"], one["ids"]

    honest = made.result().read_bytes()
    made.forge(lambda content: content.update(split_digest="0" * 64))
    assert "split kfold-10 has digest 000000000000, but the zoo's has" in refused(made, [zoo])
    made.result().write_bytes(honest)
    result = json.loads(honest)
    swap(result)
    again = refit(Result.model_validate_json(json.dumps(result), strict=True))
    made.result().write_bytes(again.to_json())
    made.seal()
    validate(made.folder)
    assert "fold 0 tests other networks than the zoo's" in refused(made, [zoo])


def refit(result):
    """The result that its own folds give."""
    from leaderboard.fitting.cross_validation import cross_validate
    from leaderboard.fitting.regressor_text import regressor_from_text
    from leaderboard.results.verification import tests_of

    regressor = regressor_from_text(result.regressor)
    refitted = cross_validate(result.signatures, result.targets, tests_of(result), regressor)
    changed = result.model_copy(update={"folds": refitted.folds})
    return changed.model_copy(update={"scores": score(changed.score_inputs())})


def test_another_zoo_than_those_given_is_refused(made, zoo, small_zoo):
    small_zoo.digest = "6b" * 32
    validate(made.folder, [small_zoo, zoo])
    message = refused(made, [small_zoo])
    assert "made on zoo toy with digest 5a5a5a5a5a5a, but this is toy with digest 6b6b" in message


def test_an_unknown_regressor_is_refused_with_the_list(make, zoo, make_submission):
    forest = RandomForestRegressor(n_estimators=2, random_state=0)
    results = make.results(zoo, splits=["kfold-10"], regressor=forest)
    message = refused(make_submission("forest").write(results))
    assert "is a RandomForestRegressor; what can be fitted again here is made of Best" in message


def test_a_regressor_is_taken_at_its_word(made):
    made.forge(lambda content: content.update(regressor="Ridge(alpha=0.5)"))
    made.forge(lambda content: content.update(regressor="Ridge(alpha=0.5)"), "grouped-kfold-10")
    assert "but the regressor fitted again predicts" in refused(made)


def both(made, **changes):
    for split in ("kfold-10", "grouped-kfold-10"):
        made.forge(lambda content: content.update(changes), split)


def test_an_access_that_no_measure_can_declare_is_refused(made):
    both(made, access="test labels")
    assert refused(made) == (
        "toy@5a5a5a5a5a5a/grouped-kfold-10/gap/toy-predictor.json: no measure can declare access "
        f"to 'test labels'; what it can: {', '.join(accesses())}"
    )
    assert {"weights", "train", "initial + train + test inputs + spec"} < set(accesses())


def test_text_that_a_terminal_would_act_upon_is_refused(made):
    both(made, summary="\x1b[2Jall checks passed")
    assert refused(made).endswith(r"'\x1b[2Jall checks passed' is no text that can be printed")


def installed(make, zoo, name="product-norm", **claims):
    """Results under the name of an installed predictor, that say of themselves what is asked."""
    [result] = make.results(zoo, name=name, splits=["kfold-10"], columns=1)
    claimed = result.model_copy(update={"columns": ("log_product_norm",), **claims})
    return claimed.model_copy(update={"scores": score(claimed.score_inputs())})


def true_claims():
    from demogen.measuring.measure_identity import MeasureIdentity
    from demogen.measuring.predictor import get_predictor

    predictor = get_predictor("product-norm")
    return {
        "measure": MeasureIdentity.of(predictor.measure),
        "regressor": str(predictor.regressor),
        "access": str(predictor.measure.access),
        "paper": predictor.paper,
        "summary": predictor.summary,
    }


def test_an_installed_predictor_is_what_is_installed(make, zoo, make_submission):
    true = true_claims()
    made = make_submission("true").write([installed(make, zoo, **true)], "product-norm")
    assert validate(made.folder)[1][1] == (
        "measure, access, columns and regressor are those of the installed product-norm"
    )
    for what, value, message in (
        ("access", "train", "its access is train, but the installed product-norm has weights"),
        ("measure", true["measure"].model_copy(update={"version": 9}), "its measure is name="),
        ("regressor", "LinearRegression(positive=True)", "its regressor is LinearRegression(po"),
        ("paper", "smith2030", "its paper is 'smith2030', but the installed product-norm has 'l"),
        ("summary", "the official baseline", "its summary is 'the official baseline', but the"),
    ):
        result = installed(make, zoo, **{**true, what: value})
        made = make_submission(what).write([result], "product-norm")
        assert message in refused(made)
    result = installed(make, zoo, **true)
    made = make_submission("file").write([result], "own.py:MINE", **{"own.py": b"MINE = 1"})
    assert refused(made).startswith("an installed predictor is called 'product-norm'; give the one")
    result = installed(make, zoo, name="product-norm(nothing=1)", **true)
    made = make_submission("parameter").write([result], "product-norm(nothing=1)")
    assert "product-norm(nothing=1): no parameter of product-norm 'nothing'" in refused(made)


@pytest.mark.parametrize(
    "name",
    [
        "Product-Norm",
        "product_norm",
        "\u0440roduct-norm",
        "product-n\u03bfrm",
        "\uff50roduct-norm",
        "pr\u043educt-norm(p=1)",
    ],
)
def test_a_name_that_looks_like_an_installed_one_is_refused(make, zoo, make_submission, name):
    [result] = make.results(zoo, name=name, splits=["kfold-10"])
    message = refused(make_submission("alike").write([result]))
    assert message == (
        f"the predictor's name {name!a} looks like 'product-norm', which is another predictor's; "
        "choose another name"
    )


def test_a_name_that_looks_like_a_published_one_is_refused(made, make, zoo, tmp_path):
    there = tmp_path / "there"
    [other] = make.results(zoo, name="Toy-Predictor", splits=["kfold-10"])
    write_result(other, there)
    assert "'toy-predictor' looks like 'Toy-Predictor'" in refused(made, (), there)


def test_a_name_with_signs_that_show_nothing_is_refused(make, zoo, make_submission):
    for name in ("toy\u034f", "to\ufe0fy", "toy\u3164", " toy", "toy "):
        [result] = make.results(zoo, name=name, splits=["kfold-10"])
        message = refused(make_submission("unseen" + name.encode().hex()).write([result]))
        assert "holds signs that show nothing; write it without them" in message


def test_the_permutation_test_is_of_the_split_that_ranks(made):
    from leaderboard.submissions.validation import permutation_tests

    contents, _ = validate(made.folder)
    tests, untested = permutation_tests(contents, 19)
    assert untested == {}
    [(path, test)] = tests.items()
    assert path == "toy@5a5a5a5a5a5a/grouped-kfold-10/gap/toy-predictor.json"
    assert (test.p, test.permutations) == (1 / 20, 19)


def test_fits_that_may_take_long_are_refused_and_fewer_permutations_made(made):
    from leaderboard.fitting.fit_cost import FitLimit
    from leaderboard.submissions.validation import permutation_tests

    message = refused(made, (), None, FitLimit(seconds=0.001))
    assert "is not fitted again: " in message
    assert message.endswith("--long-fits makes them all the same")
    contents, _ = validate(made.folder, limit=FitLimit())
    [test] = permutation_tests(contents, 10_000, FitLimit(seconds=3))[0].values()
    assert 19 <= test.permutations < 10_000
    tests, untested = permutation_tests(contents, 10_000, FitLimit(seconds=0.1))
    assert tests == {}
    [why] = untested.values()
    assert "of 10,000; --long-fits takes it" in why


def test_a_name_that_is_there_is_refused_unless_it_is_the_same(made, make, zoo, results, tmp_path):
    there = tmp_path / "there"
    for result in results:
        write_result(result, there)
    validate(made.folder, (), there)
    [other] = make.results(zoo, splits=["kfold-10"], seed=7)
    write_result(other, there)
    assert refused(made, (), there) == (
        "toy-predictor on kfold-10 of toy is there already with other content; choose another "
        "name for the predictor"
    )
    other_zoo = other.model_copy(update={"zoo": "other", "columns": ("x", "y", "z")})
    there = tmp_path / "elsewhere"
    write_result(other_zoo, there)
    assert refused(made, (), there) == (
        "another predictor is called 'toy-predictor' (its result on kfold-10 of other has another "
        "measure, columns or regressor); choose another name"
    )


@pytest.mark.parametrize(
    ("versions", "message"),
    [
        ({"demogen": "99.0"}, "made by demogen 99.0, which is later than this 0."),
        ({}, "its `versions` name no demogen that is known ('')"),
        ({"demogen": "mine"}, "its `versions` name no demogen that is known ('mine')"),
    ],
)
def test_an_unknown_demogen_is_refused(made, versions, message):
    both(made, versions=versions)
    assert message in refused(made)


def test_results_of_several_predictors_are_no_submission(made, make, zoo, make_submission):
    made.say(name="other")
    assert "its predictor is 'toy-predictor', but that of the submission is 'other'" in refused(
        made
    )
    made.say(name="toy-predictor", zoos=("toy@000000000000",))
    assert "zoos are toy@000000000000 in submission.toml, but the results are on toy@5a" in refused(
        made
    )
    one, other = (make.results(zoo, splits=[split], seed=n)[0] for n, split in enumerate(ORDERED))
    message = refused(make_submission("mixed").write([one, other]))
    assert "its signatures are not those of" in message


ORDERED = ("grouped-kfold-10", "kfold-10")


def test_no_code_of_the_submission_is_run(make, zoo, make_submission, tmp_path):
    witness = tmp_path / "it-ran"
    code = f"open({str(witness)!r}, 'w')\nMINE = 1\n".encode()
    [result] = make.results(zoo, splits=["kfold-10"])
    made = make_submission("own").write([result], "own.py:MINE", **{"own.py": code})
    validate(made.folder, [zoo])
    assert not witness.exists()
