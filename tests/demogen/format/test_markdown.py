from demogen.format.markdown import cell, table_of


def test_columns_of_numbers_are_aligned_to_the_right():
    assert table_of(("name", "n"), [("a", "1"), ("b", "22")], right=[1]).splitlines() == [
        "| name | n |",
        "| --- | ---: |",
        "| a | 1 |",
        "| b | 22 |",
    ]


def test_no_sign_is_markup():
    assert cell("\\`*_{}[]|#~$") == r"\\\`\*\_\{\}\[\]\|\#\~\$"
    assert cell("<a>\n &amp;") == "&lt;a&gt; &amp;amp;"
