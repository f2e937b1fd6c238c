"""`python -m tagseal`."""

import sys

from tagseal.cli import main

sys.exit(main())
