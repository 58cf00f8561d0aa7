#!/usr/bin/env bash
# Makes a machine ready to build and test: C compiler, Rust, Node packages (Foundry and solc come with them).
# Does nothing when nothing is missing; prints one line for each thing it adds or can't add.
set -euo pipefail
# shellcheck source=scripts/env.sh
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$ROOT"

missing=0
say() { printf 'setup: %s\n' "$*"; }
lack() {
  missing=1
  say "$*" >&2
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo > /dev/null && sudo -n true 2> /dev/null; then
    sudo "$@"
  else
    return 1
  fi
}

apt_install() {
  command -v apt-get > /dev/null || return 1
  # The index may be older than the mirror: refresh it only when the first try fails.
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" > /dev/null 2>&1 && return 0
  as_root apt-get update -qq > /dev/null 2>&1 || return 1
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" > /dev/null 2>&1
}

# need COMMAND PACKAGE…: installs the packages when the command is absent.
need() {
  local command="$1"
  shift
  command -v "$command" > /dev/null && return 0
  if apt_install "$@"; then
    say "installed $*"
  else
    lack "$command is missing; install $* (Debian, Ubuntu: apt-get install $*)"
  fi
}

# The wallet is tested in real browsers; test/lib/browser.mjs looks in these places.
has_chromium() {
  [ -x /usr/bin/chromium ] || [ -x /usr/bin/chromium-browser ] || [ -x /usr/bin/google-chrome ]
}

has_firefox() {
  [ -x /usr/bin/firefox-esr ] || [ -x /usr/lib/firefox/firefox ]
}

# Not every distribution has it as a package, and nothing but one test of the wallet needs it.
setup_firefox() {
  has_firefox && return
  if apt-cache show firefox-esr > /dev/null 2>&1 && apt_install firefox-esr; then
    say "installed firefox-esr"
  else
    say "no Firefox: the wallet is tested in Chromium only"
  fi
}

# test/demo/scores.mjs looks in these places.
has_soundfont() {
  [ -f "${SOUNDFONT:-}" ] || [ -f /usr/share/sounds/sf2/TimGM6mb.sf2 ] || [ -f /usr/share/sounds/sf2/default-GM.sf2 ] \
    || [ -f /usr/share/soundfonts/default.sf2 ]
}

setup_packages() {
  need cc build-essential
  need pkg-config pkg-config
  need cmake cmake
  need git git
  # The queue's tests run a PostgreSQL server; Debian keeps its programs outside the search path.
  compgen -G '/usr/lib/postgresql/*/bin/initdb' > /dev/null || need initdb postgresql
  has_chromium || need chromium chromium
  setup_firefox
  # Reads video, and sound in formats that no decoder is built in for; makes the re-encoded copies of tests.
  need ffmpeg ffmpeg
  # Perform the demo's pieces.
  need fluidsynth fluidsynth
  has_soundfont || need soundfont timgm6mb-soundfont
}

setup_rust() {
  local wanted
  wanted="$(sed -n 's/^channel = "\(.*\)"$/\1/p' rust-toolchain.toml)"
  if ! command -v cargo > /dev/null; then
    lack "Rust is missing; install rustup from https://rustup.rs, then run this again"
    return
  fi
  if command -v rustup > /dev/null && [ -z "${RUSTUP_TOOLCHAIN:-}" ] && ! rustup toolchain list | grep -q "^$wanted"; then
    say "installing Rust $wanted"
    if ! rustup toolchain install "$wanted" --profile minimal -c rustfmt -c clippy > /dev/null 2>&1; then
      lack "Rust $wanted could not be installed; run: rustup toolchain install $wanted -c rustfmt -c clippy"
      return
    fi
  fi
  if ! rustc --version 2> /dev/null | grep -q "^rustc $wanted "; then
    lack "Rust $wanted is needed, this is $(rustc --version 2> /dev/null || echo 'no working rustc')"
  fi
}

setup_node() {
  local stamp lock_hash
  if ! command -v node > /dev/null || ! command -v npm > /dev/null; then
    lack "Node is missing; install Node 20 or newer (https://nodejs.org), it brings forge, anvil, cast and solc"
    return
  fi
  if [ "$(node -p 'Number(process.versions.node.split(".")[0]) >= 20')" != true ]; then
    lack "Node $(node --version) is too old; install Node 20 or newer (https://nodejs.org)"
    return
  fi
  stamp=node_modules/.lock-hash
  lock_hash="$(node -p 'crypto.createHash("sha256").update(fs.readFileSync("package-lock.json")).digest("hex")')"
  if [ "$(cat "$stamp" 2> /dev/null)" = "$lock_hash" ] && [ -x node_modules/.bin/forge ]; then
    return
  fi
  say "installing Node packages (Foundry, solc, viem, ethers)"
  if npm ci --ignore-scripts --no-audit --no-fund --loglevel=error; then
    printf '%s\n' "$lock_hash" > "$stamp"
  else
    lack "npm ci failed; see the lines above"
  fi
}

setup_packages
setup_rust
setup_node
exit "$missing"
