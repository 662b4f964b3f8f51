"""``python -m cletus`` is ``cletus``."""

from cletus.cli import main

main(prog_name="cletus")
