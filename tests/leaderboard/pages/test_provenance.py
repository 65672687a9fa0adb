import shlex

from leaderboard.pages.provenance import cite, pins, recheck, reproduce
from leaderboard.results.places import Places


def test_commands_are_safe_to_paste(zoo, make):
    [result] = make.results(zoo, name="loss(p=1); rm -rf ~", splits=["kfold-10"])
    assert reproduce(result) == "demogen evaluate 'loss(p=1); rm -rf ~' --zoo toy"
    assert len(shlex.split(recheck(result))) == 4
    hostile = result.model_copy(update={"zoo": "a b; true", "split": "$(true)"})
    assert cite(hostile) == "demogen cite 'a b; true' --split '$(true)'"


def test_commands_name_target_zoos_and_file(zoo, make):
    [result] = make.results(zoo, target="test_accuracy", splits=["kfold-10"])
    assert reproduce(result).endswith("--target test_accuracy")
    pool = result.model_copy(update={"zoo": "one+two"})
    assert "--zoo one --zoo two" in reproduce(pool)
    assert cite(pool) == "demogen cite one two --split kfold-10"
    expected = f"results/toy@{'5a' * 6}/kfold-10/test_accuracy/toy-predictor.json"
    assert recheck(result).endswith(f" verify {expected}")


def test_commands_name_the_places_that_were_used(zoo, make):
    [result] = make.results(zoo, splits=["kfold-10"])
    places = Places(
        "demo/results", {result.zoo_digest: ("my zoos/toy",)}, {"toy-predictor": "mine.py:TOY"}
    )
    assert reproduce(result, places) == "demogen evaluate mine.py:TOY --zoo 'my zoos/toy'"
    assert cite(result, places) == "demogen cite 'my zoos/toy' --split kfold-10"
    assert recheck(result, places) == f"demogen leaderboard verify demo/results/{result.path}"


def test_pins_hold_every_digest_and_version(zoo, make):
    [result] = make.results(zoo, splits=["kfold-10"])
    line = pins(result.model_copy(update={"revision": "v1"}))
    assert "\n" not in line
    for part in (
        "predictor toy-predictor (jiang2019)",
        "measure made-up, version 3",
        f"zoo toy at revision v1, sha256:{result.zoo_digest}",
        f"split kfold-10, sha256:{result.split_digest}",
        f"demogen {result.versions['demogen']}",
    ):
        assert part in line
    assert "()" not in pins(result.model_copy(update={"paper": ""}))
