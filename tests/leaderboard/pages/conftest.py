"""A field of predictors on several zoos, for what shows a standing across them."""

import pytest

SPLIT = ["grouped-kfold-10"]


@pytest.fixture(scope="session")
def across_results(make):
    """Three predictors on three zoos, a fourth on one of them alone; one name is hostile."""
    noises = {"strong": 0.02, 'a|b<i>"': 0.06, "weak": 0.5}
    found = []
    for seed, name in enumerate(["first", "second", "third"]):
        zoo = make.zoo(12, seed=seed)
        zoo.name, zoo.digest = name, f"{seed:02x}" * 32
        for predictor, noise in noises.items():
            found += make.results(zoo, name=predictor, noise=noise, splits=SPLIT)
        if name == "first":
            found += make.results(zoo, name="alone", splits=SPLIT)
    return found
