"""python -m repro"""

import sys

from repro.command import main

if __name__ == "__main__":
    sys.exit(main())
