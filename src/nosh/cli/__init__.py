"""What the user types: parse, call, print."""
