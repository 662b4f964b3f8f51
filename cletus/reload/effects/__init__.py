"""What importing a module does beside defining things: resources, registrations, process state."""
