# Begins, says so, and is never done.
mkdir -p "$1"
echo begun >>"$1/begun"
exec sleep 1000
