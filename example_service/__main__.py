"""``python -m example_service`` runs the talker."""

from example_service import service

service.run()
