kubectl apply -f "$LAB/shop.yaml"
kubectl rollout status deployment/shop --timeout=60s
