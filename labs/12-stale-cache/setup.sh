. "$LAB/../kit/access.sh"
access my-controller
kubectl create rolebinding my-controller --clusterrole=edit --serviceaccount="$NS:my-controller"
hand_out disks.py
[ -e "$SPACE/my_disks.py" ] || cp "$LAB/disks.py" "$SPACE/my_disks.py"
