"""The service. A reload runs this again, and gets the running service."""

from cletus import Service

service = Service()
