"""A chat backend to copy: answers belong to no process, no request and no tab, and outlive all three."""
