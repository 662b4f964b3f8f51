"""What makes an evening's work of a service. Everything here uses only public names of the core."""
