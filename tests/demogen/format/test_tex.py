from demogen.format.tex import escaped


def test_no_sign_is_a_command():
    assert escaped("\\input{x} 5% $1 #2 a_b&c") == (
        r"\textbackslash{}input\{x\} 5\% \$1 \#2 a\_b\&c"
    )
    # An accent on the next letter, if they had a backslash alone.
    assert escaped("~^") == r"\textasciitilde{}\textasciicircum{}"
    assert escaped("0–1\n2") == "0--1 2"
