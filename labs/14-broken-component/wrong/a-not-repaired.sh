# fails: repaired
# All is known, and nothing was done about it.
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
