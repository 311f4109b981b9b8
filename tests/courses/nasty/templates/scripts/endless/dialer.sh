exec python3 -S "${0%/*}/endless.py" dialer "$@"
