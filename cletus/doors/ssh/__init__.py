"""The SSH door, on Twisted's conch. Import ``SshDoor`` from ``door``: it needs the extra ``ssh``."""
