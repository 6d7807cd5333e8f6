"""`python -m shared.command` is `danglian`."""

from shared.command.main import main

main()
