"""``shoal.util`` is the standard library's :mod:`multiprocessing.util` itself."""

import sys
from multiprocessing import util

sys.modules[__name__] = util
