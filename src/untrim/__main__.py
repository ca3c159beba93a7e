"""``python -m untrim``."""

from untrim.cli import main

main()
