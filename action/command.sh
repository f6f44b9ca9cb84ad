#!/usr/bin/env bash
# Runs one command of shard as the action's inputs say, and passes its exit code on.
set -euo pipefail
# shellcheck source=action/say.sh
. "$(dirname "$0")/say.sh"

command=$SHARD_INPUT_COMMAND
[ "$command" != install ] || exit 0
arguments=("$command")

# The value of the input $1, where the command is one of the others; an input that it has no use for is an error.
value_for() {
  local name=$1 variable one
  variable=SHARD_INPUT_$(printf %s "$name" | tr 'a-z-' 'A-Z_')
  shift
  value=${!variable-}
  [ -n "$value" ] || return 0
  for one in "$@"; do
    [ "$one" != "$command" ] || return 0
  done
  fail "$name: an input of $(printf '%s, ' "$@" | sed 's/, $//'), not of $command"
}

# The input $2 as the flag $1 of the commands that follow.
flag() {
  local flag=$1
  shift
  value_for "$@"
  [ -z "$value" ] || arguments+=("$flag=$value")
}

# Every line of `value` that is not empty goes to the array `lines`.
split() {
  local line
  lines=()
  while IFS= read -r line || [ -n "$line" ]; do
    line=${line%$'\r'}
    line=${line#"${line%%[![:blank:]]*}"}
    line=${line%"${line##*[![:blank:]]}"}
    [ -z "$line" ] || lines+=("$line")
  done <<<"$value"
}

# As `flag`, once for each line.
flags() {
  local flag=$1 line
  shift
  value_for "$@"
  split
  for line in ${lines[@]+"${lines[@]}"}; do
    arguments+=("$flag=$line")
  done
}

value_for shard run
if [ "$command" = run ]; then
  case $value in
    '') fail "shard: say which one, such as \${{ matrix.shard }}" ;;
    -*) fail "shard: '$value' is not the name of a shard" ;;
  esac
  arguments+=("$value")
fi
flag --config config plan run record rebalance
flag --budget budget plan
flag --shards shards plan
flag --target target plan
flags --timings timings plan
flags --history history plan record rebalance
flag --previous previous plan
flag --plan plan run record rebalance
flag --out out plan rebalance
flag --axes axes plan rebalance

case $command in
  plan) flag --history-from-run run-id plan ;;
  record) flag --github-run run-id record ;;
  *) flag --run run-id rebalance ;;
esac
token=$SHARD_INPUT_TOKEN

case $command in plan | rebalance) arguments+=(--format=github) ;; esac
value_for check-run run
check_run=$value

value_for sources plan record rebalance
split
sources=(${lines[@]+"${lines[@]}"})
if [ "$command" = rebalance ]; then
  for source in ${sources[@]+"${sources[@]}"}; do
    arguments+=("--outcomes=$source")
  done
  sources=()
fi

value=$SHARD_INPUT_ARGS
split
arguments+=(${lines[@]+"${lines[@]}"})
if [ ${#sources[@]} -gt 0 ]; then
  arguments+=(-- "${sources[@]}")
fi

cd "$SHARD_INPUT_WORKING_DIRECTORY" || fail "working-directory: '$SHARD_INPUT_WORKING_DIRECTORY' is not a folder"
shard=$SHARD_INPUT_BINARY

# What is run must see neither the token nor our inputs, which some runners set a second time.
for variable in "${!SHARD_INPUT_@}" INPUT_TOKEN; do
  unset "$variable"
done
[ -z "$token" ] || export GITHUB_TOKEN=$token
[ -z "$check_run" ] || export SHARD_CHECK_RUN=$check_run

code=0
if [ "${RUNNER_OS:-}" = Windows ]; then
  "$shard" "${arguments[@]}" || code=$?
else
  # The runner's signals reach this shell alone, and bash does not act on them while it waits for a command in the foreground. With
  # job control the command gets them as they are: bash has what it puts in the background ignore SIGINT otherwise.
  set -m
  "$shard" "${arguments[@]}" </dev/null &
  child=$!
  trap 'kill -s INT "$child" 2>/dev/null || true' INT
  trap 'kill -s TERM "$child" 2>/dev/null || true' TERM
  while :; do
    code=0
    wait "$child" || code=$?
    kill -s 0 "$child" 2>/dev/null || break
  done
fi
echo "exit-code=$code" >>"$GITHUB_OUTPUT"
exit "$code"
