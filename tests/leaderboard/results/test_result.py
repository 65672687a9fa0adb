import json
import os
from types import SimpleNamespace

import pytest
from sklearn.dummy import DummyRegressor

from demogen.errors import ResultError
from demogen.measuring.measure_identity import MeasureIdentity
from leaderboard.results.result import (
    Result,
    Results,
    file_name,
    read_result,
    read_results,
    write_result,
)


def test_a_result_is_read_back_as_it_was_written(results, tmp_path):
    for result in results:
        path = write_result(result, tmp_path)
        assert read_result(path) == result
        assert read_result(path).to_json() == path.read_bytes()
    assert sorted(read_results(tmp_path), key=lambda r: r.split) == sorted(
        results, key=lambda r: r.split
    )
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".json"]


def test_its_place_says_what_it_is(results):
    assert str(results[0].path) == "toy@5a5a5a5a5a5a/kfold-10/gap/toy-predictor.json"


def test_the_same_result_gives_the_same_bytes(zoo, make, results):
    again = make.results(zoo)
    assert [one.to_json() for one in again] == [one.to_json() for one in results]


def test_undefined_scores_are_null(small_zoo, make):
    [result] = make.results(small_zoo, regressor=DummyRegressor())
    stored = json.loads(result.to_json())["scores"]
    assert stored["fit_pearson"] is None
    assert stored["r2_fold_mean"] is None
    assert result.model is None


@pytest.mark.parametrize(
    "name",
    [
        "normalized-loss(p=1)",
        "../../etc/passwd",
        ".hidden",
        "..",
        "a/b\\c",
        "nul\0",
        "~",
        "é" * 200,
    ],
)
def test_any_name_is_a_safe_file_name(name, zoo, make, tmp_path):
    safe = file_name(name)
    assert not set(safe) & set("/\\\0 ~()") - {"~"}
    assert not safe.startswith((".", "~"))
    assert len(safe) < 200
    if name:
        [result] = make.results(zoo, name=name, splits=["kfold-10"])
        path = write_result(result, tmp_path)
        assert path.resolve().parent == tmp_path.resolve() / result.path.parent
        assert read_results(tmp_path) == [result]


def test_distinct_names_have_distinct_files():
    names = ["a(b)", "a%28b%29", "a_b_", ".a", "%2Ea", "x" * 300, "x" * 301, "~", "%7E", "a~b"]
    assert len({file_name(name) for name in names}) == len(names)


def faulty(result, change):
    content = json.loads(result.to_json())
    change(content)
    return json.dumps(content).encode()


def set_in(*keys, to):
    def change(content):
        for key in keys[:-1]:
            content = content[key]
        content[keys[-1]] = to

    return change


FAULTS = [
    (set_in("colour", to="red"), "colour: Extra inputs"),
    (set_in("scores", "best", to=1.0), "scores.best: Extra inputs"),
    (set_in("configurations", to={}), "`configurations` and `targets` do not name the same"),
    (set_in("factors", to={"width": {"ghost": 1}}), r"`factors.width` and `targets` do not name"),
    (set_in("scores", "mse", to="0.1"), "scores.mse: .*number"),
    (set_in("scores", "mse", to=float("nan")), "scores.mse: .*finite"),
    (set_in("target", to="luck"), "a zoo has no target 'luck'"),
    (set_in("zoo_digest", to="short"), "zoo_digest: "),
    (set_in("targets", "net-000", to=None), "targets.net-000: "),
    (set_in("targets", "ghost", to=0.1), "do not name the same networks"),
    (set_in("fit", "ghost", to=0.1), "do not name the same networks"),
    (set_in("signatures", "net-000", to=[1.0]), "net-000 has 1 values for 3 columns"),
    (set_in("dropped", "net-000", to="?"), "net-000 is both measured and dropped"),
    (set_in("folds", 0, "fold", to=1), "a fold stands twice"),
    (set_in("skipped_folds", to=[0]), "a fold stands twice"),
    (set_in("folds", 0, "predictions", to=[0.1]), "fold 0 lacks a prediction or place"),
    (set_in("folds", 0, "ids", 0, to="ghost"), "fold 0 tests a network twice"),
    (lambda content: content["folds"].pop(), "do not test every measured network"),
    (lambda content: content.pop("split"), "split: Field required"),
]


@pytest.mark.parametrize(("change", "message"), FAULTS, ids=[message for _, message in FAULTS])
def test_faulty_files_are_refused_in_one_line(results, tmp_path, change, message):
    path = tmp_path / "forged.json"
    path.write_bytes(faulty(results[0], change))
    with pytest.raises(ResultError, match=message) as refusal:
        read_result(path)
    assert str(refusal.value).startswith(f"{path}: no valid result: ")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe"])
def test_what_is_not_json_is_refused(text):
    with pytest.raises(ResultError, match=r"^here: no result: it is no (JSON: |UTF-8)"):
        Result.from_json(text, "here")


@pytest.mark.parametrize("text", [b"[]", b"null", b'{"a": 1}'])
def test_what_is_no_result_is_refused(text):
    with pytest.raises(ResultError, match=r"^here: no valid result: "):
        Result.from_json(text, "here")


@pytest.mark.parametrize("version", [1, 2, 4, "3"])
def test_other_format_versions_are_refused_before_anything_else(version):
    text = json.dumps({"format_version": version, "unknown": 0}).encode()
    with pytest.raises(ResultError, match=rf"format version {version}, but .* reads 3; eval"):
        Result.from_json(text, "here")


def test_folders_are_checked(results, tmp_path):
    with pytest.raises(ResultError, match=r"no results in .*demogen evaluate"):
        read_results(tmp_path)
    with pytest.raises(ResultError, match=r"cannot be read: No such file"):
        read_result(tmp_path / "none.json")
    path = write_result(results[0], tmp_path)
    path.rename(path.with_name("better.json"))
    with pytest.raises(ResultError, match=r"better\.json does not lie where it belongs"):
        read_results(tmp_path)


def test_a_failed_write_leaves_the_old_file(results, tmp_path, monkeypatch):
    path = write_result(results[0], tmp_path)
    before = path.read_bytes()

    def full(number):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    changed = results[0].model_copy(update={"summary": "new"})
    with pytest.raises(ResultError, match=r"cannot be written: No space left"):
        write_result(changed, tmp_path)
    assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_parameters_become_plain():
    parameters = {"p": (1, [2.5, None], True, "a"), "q": float("inf"), "r": {"a"}}
    measure = SimpleNamespace(name="m", version=2, get_params=lambda: parameters)
    identity = MeasureIdentity.of(measure)
    assert (identity.name, identity.version) == ("m", 2)
    assert identity.parameters == {"p": [1, [2.5, None], True, "a"], "q": "inf", "r": "{'a'}"}


@pytest.fixture(scope="module")
def both(zoo, results, make):
    return Results([*results, *make.results(zoo, name="other", target="test_accuracy")])


def test_results_are_selected_by_one_name_or_several(both):
    assert both.select() == both
    one = both.select(predictor="other", split=["kfold-10", "holdout-100"])
    assert [(each.predictor, each.split) for each in one] == [
        ("other", "kfold-10"),
        ("other", "holdout-100"),
    ]
    assert len(both.select(zoo={"toy"}, target="gap")) == len(both) / 2
    assert both.select(target="gap", predictor="other") == []
    with pytest.raises(ResultError, match="no result of a split 'kfold10'; did you mean 'kfold-"):
        both.select(split=["kfold-10", "kfold10"])


def test_results_are_a_table(both):
    table = both.to_frame()
    assert list(table)[:5] == ["zoo", "digest", "target", "split", "predictor"]
    assert len(table) == len(both)
    for result, (_, row) in zip(both, table.iterrows(), strict=True):
        assert (row["digest"], row["split"]) == (result.zoo_digest, result.split)
        stored = json.loads(result.to_json())["scores"]
        numbers = {name: x for name, x in stored.items() if isinstance(x, int | float)}
        assert row.iloc[5:-3].dropna().to_dict() == numbers
        assert row.iloc[-3:].to_dict() == {"measured": 60, "dropped": 0, "claimed": ""}
    assert list(Results().to_frame()) == list(table)


def test_results_are_a_sequence_that_says_what_is_in_it(both, results, tmp_path):
    assert both[0] == results[0]
    assert both[: len(results)] == results
    assert repr(both[:3]) == "<3 Results: toy-predictor, toy, 3 splits, gap>"
    assert repr(both) == f"<{len(both)} Results: 2 predictors, toy, 3 splits, 2 targets>"
    assert repr(Results()) == "<0 Results: 0 predictors, 0 zoos, 0 splits, 0 targets>"
    for result in both:
        write_result(result, tmp_path)
    assert set(both.to_frame()["split"]) == set(Results.read(str(tmp_path)).to_frame()["split"])
