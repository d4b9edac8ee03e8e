#!/bin/sh
# The real log of examples/aps8id: import, check, train, recommend. See examples/README.md.
set -eu
name=aps8id
source=aps_8id_scans_2016/aps_8id_scans_2016.h5
few_rows=yes  # training needs 100 rows
. "$(dirname "$0")/../steps.sh"
