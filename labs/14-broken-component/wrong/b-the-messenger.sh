# fails: component, node, edge, kind, evidence, repaired, calm
# Whoever speaks up is blamed: the apiserver, which was restarted for it.
answer component apiserver
answer node master
answer edge "etcd:txn"
answer kind slow
answer evidence "kubectl get deployment orders: READY 0/4, and the apiserver shows it"
orrery restart apiserver
eventually kubectl get pods
