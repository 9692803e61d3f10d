"""`python -m suite`: the command line."""

from suite.cli.main import main

main()
