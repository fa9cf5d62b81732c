kubectl create configmap before --from-literal=x=1
revision=$(kubectl get configmap before -o 'jsonpath={.metadata.resourceVersion}')
answer first-revision "$revision"
kubectl create deployment steady --image=orrery/busybox:1 --replicas=2 -- httpd -f -p 80
kubectl rollout status deployment/steady --timeout=60s
orrery kill apiserver
eventually kubectl scale deployment steady --replicas=3
eventually sh -c "kubectl --context $CONTEXT -n $NS get deployment steady -o 'jsonpath={.status.readyReplicas}' | grep -qx 3"
said=$(kubectl get --raw "/api/v1/namespaces/$NS/configmaps?watch=1&resourceVersion=$revision&timeoutSeconds=1")
echo "$said"
echo "$said" | grep -q '"code":410'
answer code 410
answer reason Expired
answer then list
