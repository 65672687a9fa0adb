from demogen.format.markdown import table_of


def test_columns_of_numbers_are_aligned_to_the_right():
    assert table_of(("name", "n"), [("a", "1"), ("b", "22")], right=[1]).splitlines() == [
        "| name | n |",
        "| --- | ---: |",
        "| a | 1 |",
        "| b | 22 |",
    ]
