# For the set-up of a lab in which a student's program talks to the apiserver.

# access NAME: a ServiceAccount of the lab's namespace; whoever has access.json beside kube.py is it.
access() {
  local config server ca token
  kubectl create serviceaccount "$1"
  config=(config view --raw --minify --flatten -o)
  server=$(kubectl "${config[@]}" 'jsonpath={.clusters[0].cluster.server}')
  ca=$(kubectl "${config[@]}" 'jsonpath={.clusters[0].cluster.certificate-authority-data}')
  token=$(kubectl create token "$1" --duration=720h)
  (umask 077; printf '{"server": "%s", "ca": "%s", "namespace": "%s", "token": "%s"}\n' \
    "$server" "$ca" "$NS" "$token" >"$SPACE/access.json")
  cp "$LAB/../kit/kube.py" "$SPACE/"
}

# hand_out FILE...: into the student's folder; what somebody worked on already stays.
hand_out() {
  local file
  for file in "$@"; do
    [ -e "$SPACE/$file" ] || cp "$LAB/$file" "$SPACE/"
  done
}
