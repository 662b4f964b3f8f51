"""A trial import of an edit in a process of its own, before the service touches it."""
