. "$LAB/../kit/access.sh"
access my-scheduler
# Nodes are of no namespace, so neither are the rights to read them. They go with the lab's namespace, which owns them.
kubectl create -f - <<YAML
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: $NS-my-scheduler
  ownerReferences: [{apiVersion: v1, kind: Namespace, name: $NS, uid: $(kubectl get namespace "$NS" -o 'jsonpath={.metadata.uid}')}]
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "system:kube-scheduler"}
subjects: [{kind: ServiceAccount, name: my-scheduler, namespace: $NS}]
YAML
hand_out my_scheduler.py plain.yaml hard.yaml
# Of worker-1's processors, three fifths: there is room for one of these, not for two.
cpu=$(kubectl get node worker-1 -o 'jsonpath={.status.allocatable.cpu}')
case $cpu in *m) cpu=${cpu%m} ;; *) cpu=$((cpu * 1000)) ;; esac
sed "s/MOST/$((cpu * 6 / 10))m/" "$LAB/big.yaml" >"$SPACE/big.yaml"
