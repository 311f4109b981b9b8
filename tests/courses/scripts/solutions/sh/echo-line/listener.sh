# A shell opens no listener: it hands the conversation on to somebody who does.
exec python3 -S "${0%/*}/conversation.py" listener "$@"
