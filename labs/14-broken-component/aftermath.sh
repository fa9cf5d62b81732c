sed 's/shop/orders/; s/replicas: 2/replicas: 4/' "$LAB/shop.yaml" | kubectl apply -f -
