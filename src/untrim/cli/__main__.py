"""``python -m untrim.cli``."""

from untrim.cli import main

main()
