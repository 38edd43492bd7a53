"""`python -m optimizer` is `allot`."""

from optimizer.cli import main

main()
