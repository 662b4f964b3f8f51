"""What keeps replaced code alive after a reload, and how the report says so."""
