"""What people start from."""
