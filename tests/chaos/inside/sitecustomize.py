"""Read by every Python process of a platform under chaos, before anything else: this folder is on its PYTHONPATH.

So crash points and sabotage reach the services that `liandu run` starts as it always does, and no line of the product
knows of them.
"""

import os
import sys
import traceback
from pathlib import Path

if folder := os.environ.get("CHAOS_FOLDER"):
    try:
        sys.path.append(str(Path(__file__).parents[3]))
        from tests.chaos import injection, lines

        injection.install(Path(folder), sys.orig_argv)
        lines.install(Path(folder), sys.orig_argv)
    except BaseException:
        # Python would only mention it and go on: a platform on which nothing can crash would pass every test.
        traceback.print_exc()
        os._exit(70)
