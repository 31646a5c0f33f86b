"""``shoal.managers`` is the standard library's :mod:`multiprocessing.managers` itself."""

import sys
from multiprocessing import managers

sys.modules[__name__] = managers
