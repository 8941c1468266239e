"""A chat backend to copy: answers live on the server, and a page that comes and goes misses nothing of them."""
