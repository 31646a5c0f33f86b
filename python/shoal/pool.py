"""``shoal.pool`` is the standard library's :mod:`multiprocessing.pool` itself."""

import sys
from multiprocessing import pool

sys.modules[__name__] = pool
