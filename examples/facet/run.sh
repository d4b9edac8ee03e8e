#!/bin/sh
# Import the real log of examples/facet and train on it: ./run.sh [LOG]
set -e
here=$(dirname "$0")
data=${BEAMTWIN_DATA:-$here/../../../shared/data}
log=${1:-facet.h5}
beamtwin import "$data/slac_tuning_2026/slac_tuning_2026.h5" -o "$log" --map "$here/map.toml"
beamtwin train "$here/facility.toml" "$log"
