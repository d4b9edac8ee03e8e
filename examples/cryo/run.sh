#!/bin/sh
# The real log of examples/cryo: import, check, train, recommend. See examples/README.md.
set -eu
name=cryo
source=lcls2_cryo_q0/lcls2_cryo_q0.h5
few_rows=yes  # training needs 100 rows
. "$(dirname "$0")/../steps.sh"
