"""The one command: what the builder and the API can do.

Example: python build.py demo
"""
from __future__ import annotations

import sys

try:
    from edge.command_line import HELP, CommandLine
except ModuleNotFoundError as error:
    from edge.errors import not_installed

    if not (sentence := not_installed(error)):
        raise
    sys.stderr.write(f"Error: {sentence}\n")
    sys.exit(2)
except KeyboardInterrupt:  # from here on the command line answers it
    sys.exit(130)

main = CommandLine(["builder.cli", "api.cli"], HELP)

if __name__ == "__main__":
    main()
