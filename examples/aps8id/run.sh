#!/bin/sh
# Import the real log of examples/aps8id and train on it: ./run.sh [LOG]
set -e
here=$(dirname "$0")
data=${BEAMTWIN_DATA:-$here/../../../shared/data}
log=${1:-aps8id.h5}
beamtwin import "$data/aps_8id_scans_2016/aps_8id_scans_2016.h5" -o "$log" --map "$here/map.toml"
beamtwin train "$here/facility.toml" "$log"
