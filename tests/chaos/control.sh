#!/bin/sh
# control.sh - a campaign that cannot fail proves nothing: with --sabotage it must end with 1.
#     control.sh NAME [ARGUMENTS]    exit 0 when the control was caught, 77 when nothing is built
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 1
name=$1
shift
python3 "$here/$name.py" --sabotage "$@"
status=$?
[ "$status" -eq 77 ] && exit 77
if [ "$status" -ne 1 ]; then
    echo "the control of $name ended with $status: what was broken on purpose was not found"
    exit 1
fi
echo "the control of $name was caught"
