#!/bin/sh
# The real log of examples/lcls: import, check, train, recommend. See examples/README.md.
set -eu
name=lcls
source=slac_tuning_2026/slac_tuning_2026.h5
. "$(dirname "$0")/../steps.sh"
