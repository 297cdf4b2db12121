#!/usr/bin/env python3
"""Make a virtual environment, or say in one line what is missing for it.

usage: scripts/make_venv.py FOLDER
"""

import importlib.util
import shutil
import sys
import venv

if sys.version_info < (3, 11):  # noqa: UP036 - whoever runs this may have an older one
    sys.exit(f"nosh needs Python 3.11 or newer, and this is {sys.version.split()[0]}: make PYTHON=python3.12 …")
if importlib.util.find_spec("ensurepip") is None:
    sys.exit("Python's venv module is not complete: apt-get install python3-venv")
try:
    venv.create(sys.argv[1], with_pip=True)
except BaseException:
    shutil.rmtree(sys.argv[1], ignore_errors=True)
    raise
