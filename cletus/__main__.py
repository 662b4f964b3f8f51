"""``python -m cletus`` is ``cletus``."""

from cletus.cli.main import main

main(prog_name="cletus")
