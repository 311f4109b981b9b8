exec python3 -S "${0%/*}/peer.py" "$@"
