"""``twist cletus`` and ``twistd cletus``: what Twisted's plugin system finds.

It imports nothing of Cletus: Twisted reads all plugins whenever it looks for one.
"""

from twisted.application.service import ServiceMaker

cletus = ServiceMaker(
    "Cletus",
    "cletus.cli.twist",
    "Run a service that people talk in, and edit it while they do.",
    "cletus",
)
