"""The bytes that the server sends, as each platform sends them, and what was received."""
