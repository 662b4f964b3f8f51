"""For those who run a service: the control socket, metrics, systemd, signals."""
