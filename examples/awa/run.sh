#!/bin/sh
# Import the real log of examples/awa and train on it: ./run.sh [LOG]
set -e
here=$(dirname "$0")
data=${BEAMTWIN_DATA:-$here/../../../shared/data}
log=${1:-awa.h5}
beamtwin import "$data/awa_emittance_2021/awa_emittance_2021.h5" -o "$log" --map "$here/map.toml"
beamtwin train "$here/facility.toml" "$log"
