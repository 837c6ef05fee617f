#!/bin/sh
# Runs a command while a process is paused, and reverts the fault when the command ends or this script dies.
#
#   sh around-a-command.sh PID COMMAND [ARGUMENT]…
#
# Exits with the command's code, or with squall's where the fault did not take effect or was not reverted.
set -eu
pid=$1
shift
squall=${SQUALL:-squall}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkfifo "$scratch/hold"

# The fault is held until nobody has the pipe open for writing any more.
"$squall" inject pause_process pid="$pid" --until-stdin-closes --events "$scratch/events" <"$scratch/hold" >&2 &
fault=$!
exec 3>"$scratch/hold"

until grep -q '"event":"active"' "$scratch/events" 2>/dev/null; do
    # Refused, or over already: squall has said why.
    kill -0 "$fault" 2>/dev/null || { wait "$fault"; exit 70; }
    sleep 0.05
done

code=0
"$@" 3>&- || code=$?
exec 3>&-
wait "$fault"
exit "$code"
