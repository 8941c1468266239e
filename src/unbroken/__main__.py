"""`python -m unbroken`: the same as the command `unbroken`."""

from __future__ import annotations

from .cli import main

if __name__ == "__main__":
    main()
