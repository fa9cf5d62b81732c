# fails: own, left-alone, collector, how-it-knows
# Every Service of that name is taken for its own.
cp "$LAB/expose.py" "$SPACE/right.py"
cat >"$SPACE/my_controller.py" <<'PYTHON'
import right

right.is_mine = lambda service: True
right.main()
PYTHON
answer collector apiserver
answer field ownerReferences
answer how-it-knows watch
