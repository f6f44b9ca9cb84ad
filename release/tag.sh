#!/usr/bin/env bash
# Puts a version's tag on a commit that adds the checksums of its archives to this one, and nothing else: the action at
# that tag knows what it downloads. The commit is the same however often it is made, so that a job can run again.
#
# usage: release/tag.sh VERSION CHECKSUMS REMOTE
set -euo pipefail
[ $# = 3 ] || { echo 'usage: release/tag.sh VERSION CHECKSUMS REMOTE' >&2; exit 2; }
version=$1 checksums=$(realpath "$2") remote=$3
cd "$(dirname "$0")/.."

git diff --quiet HEAD -- || { echo 'error: files of this checkout were changed' >&2; exit 1; }
lines=$(grep -c -- "-v$version\." "$checksums") || lines=0
[ "$lines" = 5 ] || { echo "error: $2 has checksums of $lines archives of $version, not of 5" >&2; exit 1; }

cat "$checksums" >>action/checksums.txt
git add action/checksums.txt
when=$(git log -1 --format=%cI)
export GIT_AUTHOR_DATE=$when GIT_COMMITTER_DATE=$when
export GIT_AUTHOR_NAME='github-actions[bot]' GIT_AUTHOR_EMAIL='41898282+github-actions[bot]@users.noreply.github.com'
export GIT_COMMITTER_NAME=$GIT_AUTHOR_NAME GIT_COMMITTER_EMAIL=$GIT_AUTHOR_EMAIL
git commit --quiet --message "Know the checksums of $version"

there=$(git ls-remote "$remote" "refs/tags/v$version" | cut -f 1)
commit=$(git rev-parse HEAD)
if [ -z "$there" ]; then
  git push --quiet "$remote" "HEAD:refs/tags/v$version"
elif [ "$there" != "$commit" ]; then
  echo "error: v$version is $there already, not $commit" >&2
  exit 1
fi
echo "v$version is $commit"
