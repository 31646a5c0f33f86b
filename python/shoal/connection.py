"""``shoal.connection`` is the standard library's :mod:`multiprocessing.connection` itself."""

import sys
from multiprocessing import connection

sys.modules[__name__] = connection
