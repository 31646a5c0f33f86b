"""``shoal.dummy`` is the standard library's :mod:`multiprocessing.dummy` itself."""

import sys
from multiprocessing import dummy

sys.modules[__name__] = dummy
