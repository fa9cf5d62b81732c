cp "$LAB/expose.py" "$SPACE/my_controller.py"
"$PYTHON" "$SPACE/my_controller.py" >"$SPACE/controller.log" 2>&1 &
trap "kill $!" EXIT
kubectl create deployment shop --image=orrery/busybox:1 --replicas=0 -- httpd -f -p 80
kubectl label deployment shop expose=80
eventually kubectl get service shop
answer collector controller-manager
answer field ownerReferences
answer how-it-knows list
