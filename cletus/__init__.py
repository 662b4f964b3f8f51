"""Cletus: services that people connect to and talk in, whose code you edit while they are there."""
