# The way of every example, read in by its run.sh, which sets $name and $source (below the data folder).
# Everything is written under BEAMTWIN_HOME (default: work/examples in the project).
# beamtwin's exit status: 0 done, 1 a negative result (an answer, so the way goes on), 2 a mistake.
root=$(cd "$(dirname "$0")/../.." && pwd)
data=${BEAMTWIN_DATA:-$root/../shared/data}
example=$root/examples/$name
if [ ! -f "$data/$source" ]; then
    echo "$name: skipped, $data/$source is not there (BEAMTWIN_DATA names the folder of the real logs)"
    exit 0
fi

beamtwin=$root/.venv/bin/beamtwin
[ -x "$beamtwin" ] || beamtwin=$(command -v beamtwin) || {
    echo "$name: no beamtwin in .venv/bin or on the PATH; install it: pip install -e ." >&2
    exit 2
}
export BEAMTWIN_HOME="${BEAMTWIN_HOME:-$root/work/examples}"
mkdir -p "$BEAMTWIN_HOME"
log=$BEAMTWIN_HOME/$name.h5

status=0
run() {
    printf '\n$ beamtwin %s\n' "$*"
    status=0
    "$beamtwin" "$@" || status=$?
}

run import "$data/$source" -o "$log" --map "$example/map.toml"
[ $status -eq 0 ] || exit $status
run check "$log" --facility "$example/facility.toml"
[ $status -eq 0 ] || exit $status

run train "$example/facility.toml" "$log"
case $status in
0) echo "$name: trained." ;;
1) echo "$name: trained, but some baseline does better on later time: recommend will refuse to guess." ;;
*)
    [ "${few_rows:-no}" = yes ] || exit $status
    echo "$name: this log is too short to learn from, as said above; the facility file's own law replays it."
    run replay "$example/facility.toml" "$log" --plot "$BEAMTWIN_HOME/$name.html"
    exit $status
    ;;
esac

run recommend "$example/facility.toml" "$log"
case $status in
0) echo "$name: recommended. Nothing was sent to any machine: beamtwin only prints." ;;
1) echo "$name: no recommendation, for the reason above. That is a result, not an error." ;;
*) exit $status ;;
esac
