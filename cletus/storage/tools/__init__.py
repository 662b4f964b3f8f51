"""What works on whole stores: export and import, verification, migration, statistics."""
