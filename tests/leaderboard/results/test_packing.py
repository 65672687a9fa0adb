"""One Parquet file holds the results of a zoo, every one as its own file would."""

import io
import json
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from demogen._util.parsing import UnreadableError, json_data, value_signs
from demogen.measuring.least_squares import LeastSquares
from leaderboard.results import packing
from leaderboard.results.packing import COLUMNS, pack, unpack
from leaderboard.results.result import Result
from leaderboard.scoring.inputs import FoldPredictions


def packed(results):
    return pack([one.model_dump(mode="json") for one in results])


def unpacked(content):
    return [Result.from_json(text, "packed") for text, _ in unpack(content)]


@pytest.fixture(scope="module")
def several(zoo, make, results):
    """Of two predictors and targets, with a network that was not measured, on every split."""
    lacking = make.features(zoo, columns=1).iloc[3:]
    failures = {"net-000": "no ReLU in “it”\nat all"}
    other = make.results(zoo, "other(p=1)", table=lacking, failures=failures, target="gap")
    accuracy = make.results(zoo, "toy-predictor", target="test_accuracy", splits=["kfold-10"])
    return [*results, *other, *accuracy]


def test_results_come_back_to_the_last_bit(several):
    back = unpacked(packed(several))
    assert back == several
    assert [one.to_json() for one in back] == [one.to_json() for one in several]


def test_numbers_at_the_ends_come_back(results):
    content = json.loads(results[0].to_json())
    odd = [-0.0, 5e-324, 0.1 + 0.2, 1.7976931348623157e308, 1e22, -1e-7]
    for network, value in zip(sorted(content["fit"]), odd, strict=False):
        content["fit"][network] = value
    content["scores"]["mse"] = None
    [(text, _)] = unpack(pack([content]))
    assert json.loads(text) == content
    assert json.dumps(json.loads(text), sort_keys=True) == json.dumps(content, sort_keys=True)


def test_nothing_of_a_result_is_left_out():
    """A field that a later format adds has to be packed, too."""
    ours = {*packing.NAMES, *packing.BY_NETWORK, *packing.OTHERS, "factors", "folds"}
    assert set(Result.model_fields) == ours
    folds = {"fold", "ids", "predictions", "places", "center", "spread"}
    assert set(FoldPredictions.model_fields) == folds
    assert set(COLUMNS) == (ours - {"folds"}) | {"networks", *packing.OF_FOLDS}


def test_the_same_results_give_the_same_bytes(several):
    assert packed(several) == packed(unpacked(packed(several)))


def test_what_results_share_stands_once(zoo, make):
    [one] = make.results(zoo, splits=["kfold-10"])
    many = [one.model_copy(update={"predictor": f"p{number}"}) for number in range(50)]
    assert len(packed(many)) < 1.2 * len(packed([one]))
    assert len(packed(many)) < sum(len(each.to_json()) for each in many) / 50


def test_many_different_texts_stand_once_too(results):
    content = json.loads(results[0].to_json())
    empty = {name: {} for name in (*packing.BY_NETWORK, "factors")}
    draw = random.Random(0)
    texts = [draw.randbytes(1_500).hex() for _ in range(400)]
    many = [{**content, **empty, "folds": [], "summary": texts[n % 400]} for n in range(2_400)]
    # Hexadecimal digits take half of their bytes; Parquet gives up dictionaries of a megabyte.
    assert len(pack(many)) < 1.5 * 400 * 1_500


def test_regressors_that_are_not_linear_are_packed(zoo, make):
    from sklearn.dummy import DummyRegressor

    for regressor in (LeastSquares(), DummyRegressor()):
        made = make.results(zoo, regressor=regressor, splits=["holdout-100"])
        assert unpacked(packed(made)) == made


def changed(results, **columns):
    """A packed file with other columns; None takes one away."""
    table = pq.read_table(io.BytesIO(packed(results)))
    for name, values in columns.items():
        if name in table.column_names:
            table = table.drop_columns(name)
        if values is not None:
            table = table.append_column(name, pa.array(values))
    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()


def without_utf8():
    ends, text = (0).to_bytes(4, "little") + (2).to_bytes(4, "little"), b"\xff\xfe"
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(text)]
    return pa.Array.from_buffers(pa.string(), 1, buffers)


@pytest.mark.parametrize(
    ("columns", "fault"),
    [
        ({"scores": None}, "results have other columns than it (the first is 'scores')"),
        ({"more": ["1"]}, "results have other columns than it (the first is 'more')"),
        ({"zoo": [1]}, "its column 'zoo' holds no text"),
        ({"zoo": without_utf8()}, "it cannot be read as a Parquet file"),
        ({"fit": pa.array([None], pa.string())}, "a row lacks its fit"),
        ({"fit": ["[1"]}, "a row's fit: it is no JSON"),
        ({"fit": ["[NaN]"]}, "a row's fit: it holds NaN"),
        ({"fit": ["[1.0]"]}, "a row's fit are not one for each network"),
        ({"fit": ['{"a": 1.0}']}, "a row's fit are not one for each network"),
        ({"networks": ["7"]}, "a row's networks are no list of ids"),
        ({"networks": ["[7]"]}, "a row's networks are no list of ids"),
        ({"networks": ['["a", "a"]']}, "a row names a network twice"),
        ({"factors": ["[]"]}, "a row's factors are no object"),
        ({"places": ["{}"]}, "a row's folds are no list"),
        ({"places": ["[]"]}, "a row has more folds in one column than in another"),
        ({"centers": ["[" + ",".join(["[1.0]"] * 10) + "]"]}, "a row's folds lack a number"),
    ],
)
def test_what_is_no_packed_file_is_refused(zoo, make, columns, fault):
    made = make.results(zoo, splits=["kfold-10"])
    with pytest.raises(UnreadableError) as refused:
        list(unpack(changed(made, **columns)))
    assert fault in str(refused.value)
    assert "\n" not in str(refused.value)


def test_no_more_is_unpacked_than_files_of_results_may_hold(several, monkeypatch):
    content = packed(several)
    monkeypatch.setattr(packing, "PACKED_RESULTS", 2)
    with pytest.raises(UnreadableError, match="rows, more than 2"):
        list(unpack(content))
    monkeypatch.undo()
    monkeypatch.setattr(packing, "PACKED_BYTES", 100_000)
    with pytest.raises(UnreadableError, match="holds more than 100,000 bytes of results"):
        list(unpack(content))
    monkeypatch.undo()
    monkeypatch.setattr(packing, "FILE_BYTES", 1_000)
    with pytest.raises(UnreadableError, match="a row holds more than 1,000 bytes"):
        list(unpack(content))
    monkeypatch.undo()
    # Each of 60 networks stands in four parts.
    monkeypatch.setattr(packing, "JSON_VALUES", 4 * 60 - 1)
    with pytest.raises(UnreadableError, match="or as many values"):
        list(unpack(content))


def test_a_packed_result_holds_as_many_values_as_a_file_may(several, monkeypatch):
    most = max(value_signs(one.to_json().decode()) for one in several)
    monkeypatch.setattr(packing, "JSON_VALUES", most)
    assert len(list(unpack(packed(several)))) == len(several)
    monkeypatch.setattr(packing, "JSON_VALUES", most - 1)
    with pytest.raises(UnreadableError, match=f"a row holds more than {most - 1:,} values"):
        list(unpack(packed(several)))


@pytest.mark.parametrize("lists", [61, 62])
def test_a_packed_result_has_as_many_levels_as_a_file_may(results, lists):
    """61 lists within result, measure and parameters make 64."""
    content = json.loads(results[0].to_json())
    content["measure"]["parameters"]["p"] = json.loads("[" * lists + "]" * lists)
    if lists == 61:
        assert len(unpacked(pack([content]))) == 1
        assert json_data(json.dumps(content)) == content
        return
    for read in (lambda: json_data(json.dumps(content)), lambda: list(unpack(pack([content])))):
        with pytest.raises(UnreadableError, match="has more than 6[34] levels"):
            read()
