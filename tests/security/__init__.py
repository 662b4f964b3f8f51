"""Attacks by kind; ``docs/security.md`` names these tests."""
