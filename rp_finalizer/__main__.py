"""`python -m rp_finalizer` is `rp-finalize`."""

import sys

from rp_finalizer.cli import main

if __name__ == "__main__":
    sys.exit(main())
