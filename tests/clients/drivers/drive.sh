# Ask a cache without pause: how a redis-cli snippet of `connect` goes on, in bash.
#
# SET and GET of rotating keys until standard input ends, each by a process and a connection of its
# own. A line for each pair: when it was answered, what was asked for, and the last line that was
# said. `ready` goes before the first good one. Times are of CLOCK_BOOTTIME in steps of 10 ms, which
# is Python's time.monotonic on a machine that never slept.

drive() {
  local number=0 first=1 up said value
  while read -r -t 0.005; [ $? -gt 128 ]; do # greater: time is up, and the input has not ended
    number=$((number + 1))
    value="$$-$number" # no other run has written it
    said=$({ client SET "$CLIENT_NAME-$((number % 100))" "$value" &&
      client GET "$CLIENT_NAME-$((number % 100))"; } </dev/null 2>&1 | tr '\n' ' ')
    if [ "$said" = "OK $value " ]; then
      said=$number
      if [ "$first" = 1 ]; then
        echo ready
        first=0
      fi
    fi
    read -r up _ </proc/uptime
    printf '%s %s %s\n' "$up" "$number" "$said"
  done
}
