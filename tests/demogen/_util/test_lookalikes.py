import unicodedata

import pytest

from demogen._util.lookalikes import INVISIBLE, appearance


@pytest.mark.parametrize(
    "text",
    [
        "Unit-Sparsity",
        "UNIT SPARSITY",
        "unit_sparsity",
        "unit-sparsity ",
        "unit\u2010sparsity",
        "unit\u2014sparsity",
        "unit\u2212sparsity",
        "unit\u00a0sparsity",
        "unit\tsparsity",
        "unit\u3164sparsity",
        "unit-spar\u200bsity",
        "unit-\u034fsparsity\ufe0f",
        "unit-sparsit\u0443",
        "un\u0456t-sp\u0430rs\u0456ty",
        "\u057dnit-sparsity",
        "\uff55\uff4e\uff49\uff54-\uff53\uff50\uff41\uff52\uff53\uff49\uff54\uff59",
        "\U0001d42enit-sparsity",
        "un\u0131t-spars\u0131ty",
        "UN\u0130T-SPARS\u0130TY",
        "unit-sparsit\u00fd",
        "unit-sparsity\u20dd",
        "un1t-sparsity",
        "unlt-sparsIty",
    ],
)
def test_what_looks_like_a_name_has_its_appearance(text):
    assert appearance(text) == appearance("unit-sparsity")
    assert appearance(appearance(text)) == appearance(text)


def test_signs_of_several_letters_and_capitals_are_seen_through():
    assert appearance("rnean-gap") == appearance("mean-gap")
    assert appearance("normaIized-Ioss") == appearance("normalized-loss")
    assert appearance("\ufb01t") == appearance("fit")
    assert appearance("l\u00b2") == appearance("l2")
    assert appearance("N0RM") == appearance("norm")


def test_installed_names_look_like_none_of_each_other():
    from demogen.measuring.predictor import list_predictors

    names = list_predictors()
    assert len(set(map(appearance, names))) == len(names) > 30


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("margin-h1-log", "margin-h2-log"),
        ("unit-sparsity", "unitsparsity"),
        ("norm(p=1)", "norm(p=-1)"),
        ("norm(p=0.1)", "norm(p=01)"),
        ("gap", "gaps"),
        ("\u7db2\u7d61", "\u7db2\u7ad9"),
    ],
)
def test_names_that_differ_to_the_eye_differ(one, other):
    assert appearance(one) != appearance(other)


def test_what_shows_nothing_is_no_letter():
    shown = {chr(code) for code in range(0x20, 0x7F)}
    assert not [sign for sign in shown if INVISIBLE.match(sign)]
    nothing = [chr(c) for c in range(0x110000) if unicodedata.category(chr(c)) == "Cf"]
    # Marks that enclose digits or stand for numbers in other scripts are seen.
    seen = {unicodedata.name(sign, "") for sign in nothing if not INVISIBLE.match(sign)}
    assert all(
        word.split()[0] in {"ARABIC", "SYRIAC", "KAITHI", "EGYPTIAN", "INTERLINEAR"}
        for word in seen
    )
