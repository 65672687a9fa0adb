"""`python -m demogen`: the command line."""

from demogen.cli import main

main()
