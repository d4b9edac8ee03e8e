#!/bin/sh
# Import the real log of examples/fermi and train on it: ./run.sh [LOG]
set -e
here=$(dirname "$0")
data=${BEAMTWIN_DATA:-$here/../../../shared/data}
log=${1:-fermi.h5}
beamtwin import "$data/fermi_rl_2020/fermi_rl_2020.h5" -o "$log" --map "$here/map.toml"
beamtwin train "$here/facility.toml" "$log"
