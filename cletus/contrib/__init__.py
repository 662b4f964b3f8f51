"""Optional parts of a talker, MUD or chat. They use only public names of the core."""
