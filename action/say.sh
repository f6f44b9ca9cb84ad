# shellcheck shell=bash
# What both scripts say. Only bash 3.2, as macOS has it.

# Says why the step fails, and fails it. No text in it is a command to the runner.
fail() {
  local text=$1
  text=${text//\%/%25}
  text=${text//$'\r'/%0D}
  text=${text//$'\n'/%0A}
  printf '::error title=shard::%s\n' "$text"
  exit "${2:-2}"
}
