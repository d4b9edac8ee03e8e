#!/bin/sh
# The real log of examples/awa: import, check, train, recommend. See examples/README.md.
set -eu
name=awa
source=awa_emittance_2021/awa_emittance_2021.h5
. "$(dirname "$0")/../steps.sh"
