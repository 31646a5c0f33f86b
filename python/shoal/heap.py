"""``shoal.heap`` is the standard library's :mod:`multiprocessing.heap` itself."""

import sys
from multiprocessing import heap

sys.modules[__name__] = heap
