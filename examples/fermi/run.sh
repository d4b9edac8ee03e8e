#!/bin/sh
# The real log of examples/fermi: import, check, train, recommend. See examples/README.md.
set -eu
name=fermi
source=fermi_rl_2020/fermi_rl_2020.h5
. "$(dirname "$0")/../steps.sh"
