"""`python -m suite`: the command line."""

from suite.cli import main

main()
