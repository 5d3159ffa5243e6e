#!/bin/sh
# demo.sh - the main job, end to end, on this machine: see demo.py.
#     demo.sh [HOME]    the folder it leaves behind; build/demo when left out
set -eu
here=$(cd "$(dirname "$0")" && pwd)
exec python3 "$here/demo.py" "$@"
