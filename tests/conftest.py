"""For all tests: linear algebra in one thread, as the commands run it; with more, parallel tests wait for each other."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
