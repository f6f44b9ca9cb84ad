#!/usr/bin/env bash
# Moves the floating tag of a version's major, such as v1, to it; unless it is a pre-release, or a newer one is there.
#
# usage: release/float.sh VERSION REMOTE
set -euo pipefail
[ $# = 2 ] || { echo 'usage: release/float.sh VERSION REMOTE' >&2; exit 2; }
version=$1 remote=$2 major=v${1%%.*}
cd "$(dirname "$0")/.."

case $version in
  *-*) echo "$major stays: $version is a pre-release"; exit ;;
esac
git fetch --quiet --force --tags "$remote"
newest=$(git tag --list "$major.*" | grep -v -- - | sort --version-sort | tail -n 1)
if [ "$newest" != "v$version" ]; then
  echo "$major stays: ${newest:-nothing} is the newest, not v$version"
  exit
fi
git push --quiet --force "$remote" "v$version^{commit}:refs/tags/$major"
echo "$major is v$version"
