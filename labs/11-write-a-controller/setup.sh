. "$LAB/../kit/access.sh"
access my-controller
kubectl create rolebinding my-controller --clusterrole=edit --serviceaccount="$NS:my-controller"
hand_out my_controller.py
