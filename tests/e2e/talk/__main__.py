"""``python -m talk`` runs the talker."""

from talk import service

service.run()
