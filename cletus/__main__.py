"""``python -m cletus`` is ``cletus``."""

from cletus.cli.group import main

main(prog_name="cletus")
