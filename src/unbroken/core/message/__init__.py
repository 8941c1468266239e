"""What a message is made of: its blocks, its grammar, and the part of it that was delivered."""
