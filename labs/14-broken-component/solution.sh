# The counters of every edge, before and now, tell who is broken; then that one is made to go on, or begins anew.
rm -f "$SPACE"/edges-now-*.json
reading=0
compare() {
  reading=$((reading + 1))
  orrery edges --json > "$SPACE/edges-now-$(printf %03d $reading).json"
  "$PYTHON" "$LAB/solution.py" "$SPACE/edges-before.json" "$SPACE"/edges-now-*.json > "$SPACE/found"
}
eventually compare
source "$SPACE/found"
answer component "$component"
answer node "$node"
answer edge "$edge"
answer kind "$kind"
answer evidence "$evidence"
if [ "$kind" = frozen ]; then
  orrery thaw "$component"
else
  pid=$(orrery restart "$component" | sed -n 's/.*(PID \([0-9]*\)).*/\1/p')
  gone() { ! kill -0 "$pid" 2>/dev/null; }
  eventually gone
fi
whole() { kubectl get deployment orders -o 'jsonpath={.status.readyReplicas}' | grep -qx 4; }
eventually whole
