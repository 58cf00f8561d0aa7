#!/usr/bin/env bash
# How well works are recognised after codecs, noise, filters, speed and cuts, beside Debian's fpcalc -> target/bench/
# fingerprint.{json,svg}. bench-fingerprint.sh --quick takes a tenth of it. Interrupted, it goes on where it was.
set -euo pipefail
# shellcheck source=scripts/env.sh
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$ROOT"

# Programs and instruments that only this measurement needs.
lacking=()
command -v ffmpeg > /dev/null || lacking+=(ffmpeg)
command -v fpcalc > /dev/null || lacking+=(libchromaprint-tools)
command -v espeak-ng > /dev/null || lacking+=(espeak-ng)
[ -f /usr/share/sounds/sf2/TimGM6mb.sf2 ] || lacking+=(timgm6mb-soundfont)
if [ "${#lacking[@]}" -gt 0 ]; then
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get > /dev/null; then
    echo "bench-fingerprint: install ${lacking[*]} (Debian, Ubuntu: apt-get install ${lacking[*]})" >&2
    exit 1
  fi
  apt-get update -qq > /dev/null
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${lacking[@]}" > /dev/null
fi
exec cargo run --locked --quiet --release -p cwe-fingerprint-bench -- "$@"
