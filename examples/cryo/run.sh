#!/bin/sh
# Import the real log of examples/cryo and train on it: ./run.sh [LOG]
set -e
here=$(dirname "$0")
data=${BEAMTWIN_DATA:-$here/../../../shared/data}
log=${1:-cryo.h5}
beamtwin import "$data/lcls2_cryo_q0/lcls2_cryo_q0.h5" -o "$log" --map "$here/map.toml"
beamtwin train "$here/facility.toml" "$log"
