"""The one command: what the builder and the API can do.

Example: python build.py demo
"""
from __future__ import annotations

from edge.door import HELP, Door

main = Door(["builder.cli", "api.cli"], HELP)

if __name__ == "__main__":
    main()
