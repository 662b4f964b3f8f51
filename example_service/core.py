"""The service. Run again during a reload, this gives back the running one."""

from cletus import Service

service = Service()
service.configure(name="The Lantern", reload_patterns=("*.toml",))
