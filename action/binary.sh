#!/usr/bin/env bash
# Finds, downloads or builds shard; puts it on the path, and its path and version into the step's outputs.
set -euo pipefail
# shellcheck source=action/say.sh
. "$(dirname "$0")/say.sh"

# The action's own checkout.
source=$(cd "$(dirname "$0")/.." && pwd)

case $SHARD_INPUT_COMMAND in
  plan | run | record | rebalance | install) ;;
  *) fail "command: '$SHARD_INPUT_COMMAND' is none of plan, run, record, rebalance, install" ;;
esac

suffix='' archive_suffix=.tar.gz
if [ "$RUNNER_OS" = Windows ]; then
  suffix=.exe archive_suffix=.zip
fi

sha256=(sha256sum)
command -v sha256sum >/dev/null || sha256=(shasum -a 256)

# Of standard input.
sha256() {
  "${sha256[@]}" | cut -d ' ' -f 1
}

# Targets whose binaries run on this machine, the best first.
targets() {
  case $RUNNER_OS-$RUNNER_ARCH in
    Linux-X64) echo x86_64-unknown-linux-musl x86_64-unknown-linux-gnu ;;
    Linux-ARM64) echo aarch64-unknown-linux-musl aarch64-unknown-linux-gnu ;;
    macOS-X64) echo x86_64-apple-darwin ;;
    macOS-ARM64) echo aarch64-apple-darwin x86_64-apple-darwin ;;
    Windows-X64) echo x86_64-pc-windows-msvc ;;
    Windows-ARM64) echo aarch64-pc-windows-msvc x86_64-pc-windows-msvc ;;
  esac
}

# The committed checksum of an archive; nothing where there is none.
committed() {
  local sum name
  while read -r sum name || [ -n "$sum" ]; do
    name=${name%$'\r'}
    if [ "${name#\*}" = "$1" ]; then
      echo "$sum"
      return
    fi
  done <"$source/action/checksums.txt"
}

# Puts a finished binary where it is kept, in one step: another job of this machine may do the same.
keep() {
  cp "$1" "$folder/new.$$"
  chmod +x "$folder/new.$$"
  mv -f "$folder/new.$$" "$folder/shard$suffix"
}

# Makes `folder` for a binary: in the tool cache, or where that cannot be written in the job's own.
make_folder() {
  local parent
  for parent in "${RUNNER_TOOL_CACHE:-}" "$RUNNER_TEMP"; do
    folder=$parent/shard/$1
    if [ -n "$parent" ] && mkdir -p "$folder" 2>/dev/null && [ -w "$folder" ]; then
      return
    fi
  done
  fail "neither the tool cache nor the temporary folder of this runner can be written"
}

# --- a binary that is there ---

named() {
  [ -f "$SHARD_INPUT_BINARY" ] || fail "binary: '$SHARD_INPUT_BINARY' is not a file; the path begins at the workspace"
  # A copy: nothing else of its folder comes onto the path, and artifacts have lost the permission to run.
  folder=$(mktemp -d "$RUNNER_TEMP/shard-XXXXXX")
  keep "$SHARD_INPUT_BINARY"
  echo "shard: the binary that the workflow names"
}

# --- a release ---

# Downloads one archive of version $1 for target $2 with checksum $3 into $folder.
release() {
  local version=$1 target=$2 sum=$3 base stem work found
  stem=shard-$target-v$version
  make_folder "$version/$target-${sum:0:16}"
  if [ -x "$folder/shard$suffix" ]; then
    echo "shard: $version, from this runner's tool cache"
    return
  fi
  base=$SHARD_INPUT_DOWNLOAD_URL
  if [ -z "$base" ]; then
    [ -n "$SHARD_ACTION_REPOSITORY" ] || fail "the runner does not say which repository this action is of: give download-url, such as https://github.com/OWNER/shard/releases/download"
    # Releases are where the source is, also for a server of one's own.
    base=https://github.com/$SHARD_ACTION_REPOSITORY/releases/download
  fi
  case $base in
    https://*) ;;
    *) fail "download-url: only https is used" ;;
  esac
  work=$(mktemp -d "$RUNNER_TEMP/shard-XXXXXX")
  # No token goes along: releases of public repositories need none.
  curl --fail --silent --show-error --location --proto =https --proto-redir =https --tlsv1.2 --retry 5 --retry-delay 2 \
    --connect-timeout 30 --max-time 600 --output "$work/archive" "${base%/}/v$version/$stem$archive_suffix" ||
    fail "$stem$archive_suffix could not be downloaded: name another server with download-url, a file with binary, or build it with version: source"
  found=$(sha256 <"$work/archive")
  [ "$found" = "$sum" ] || fail "$stem$archive_suffix is not what it should be: its SHA-256 is $found, not $sum"
  if [ "$archive_suffix" = .zip ]; then
    unzip -q "$work/archive" "$stem/shard$suffix" -d "$work"
  else
    tar -xzf "$work/archive" -C "$work" "$stem/shard$suffix"
  fi
  keep "$work/$stem/shard$suffix"
  rm -rf "$work"
  echo "shard: downloaded $version for $target; its checksum is right"
}

# --- the action's own source ---

build() {
  local version=$1 digest built
  # The code and what decides how it is compiled: another commit of the action is another binary.
  digest=$(cd "$source" && find Cargo.toml Cargo.lock src -type f | LC_ALL=C sort | xargs "${sha256[@]}" | sha256)
  make_folder "$version-${digest:0:16}/$RUNNER_OS-$RUNNER_ARCH"
  if [ -x "$folder/shard$suffix" ]; then
    echo "shard: $version, built from this source before, from this runner's tool cache"
    return
  fi
  command -v cargo >/dev/null || fail "no released binary of shard $version is known to this action, and there is no cargo to build it: install Rust before this step (rustup toolchain install stable), name a file with binary, or a release with version and checksum"
  echo "shard: building $version from the action's source"
  built=$RUNNER_TEMP/shard-build
  # In its own folder, without the job's settings: those of the project under test are not for us.
  (cd "$source" && env -u RUSTFLAGS -u CARGO_ENCODED_RUSTFLAGS -u CARGO_BUILD_TARGET -u CARGO_BUILD_RUSTFLAGS \
    cargo build --locked --release --features github,remote --bin shard --target-dir "$built") ||
    fail "shard $version could not be built: it needs $(sed -n 's/^rust-version = "\(.*\)"/Rust \1/p' "$source/Cargo.toml") or newer, and crates.io"
  keep "$built/release/shard$suffix"
  rm -rf "$built"
  echo "shard: built $version"
}

# --- which of them ---

own=$(sed -n 's/^version = "\(.*\)"/\1/p' "$source/Cargo.toml" | head -n 1)
version=${SHARD_INPUT_VERSION#v}
given=$(printf %s "${SHARD_INPUT_CHECKSUM#sha256:}" | tr 'A-F' 'a-f')
if [ -n "$given" ] && ! [[ $given =~ ^[0-9a-f]{64}$ ]]; then
  fail "checksum: not a SHA-256, which has 64 hexadecimal digits"
fi

# The version's archive for this machine: the first target with a committed checksum, or with the one given the first of all.
target='' sum=''
if [ "$version" != source ] && [ -z "$SHARD_INPUT_BINARY" ]; then
  if [ -n "$version" ] && ! [[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]]; then
    fail "version: '$SHARD_INPUT_VERSION' is neither a version such as 1.2.3 nor source; it is never looked up which one is the latest"
  fi
  for candidate in $(targets); do
    sum=$given
    [ -n "$sum" ] || sum=$(committed "shard-$candidate-v${version:-$own}$archive_suffix")
    if [ -n "$sum" ]; then
      target=$candidate
      break
    fi
  done
  if [ -z "$target" ] && [ -n "$version$given" ]; then
    fail "version: this action has no checksum of shard $version for $RUNNER_OS $RUNNER_ARCH: give checksum, the SHA-256 of its archive, or use a commit of the action that knows this version"
  fi
fi

if [ -n "$SHARD_INPUT_BINARY" ]; then
  [ -z "$version$given" ] || fail "binary: not together with version or checksum"
  named
elif [ -n "$target" ]; then
  release "${version:-$own}" "$target" "$sum"
else
  [ "$version" = source ] || echo "shard: the action has no checksum of a release of $own for $RUNNER_OS $RUNNER_ARCH"
  build "$own"
fi

said=$("$folder/shard$suffix" --version) || fail "the binary does not run on this machine"
[[ $said =~ ^shard\ ([0-9A-Za-z.+-]+)$ ]] || fail "the binary is not shard"
{
  echo "path=$folder/shard$suffix"
  echo "version=${BASH_REMATCH[1]}"
} >>"$GITHUB_OUTPUT"
echo "$folder" >>"$GITHUB_PATH"
