exec python3 -S "${0%/*}/conversation.py" {{ role }} "$@"
