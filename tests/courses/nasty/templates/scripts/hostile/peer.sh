# Each of these is a peer; the argument says which.
here=${0%/*}
case "$1" in
ignores-term)
    trap '' TERM INT HUP
    echo up
    while :; do sleep 1000; done
    ;;
wrong-code)
    echo done
    exit 3
    ;;
killed)
    echo done
    kill -KILL $$
    ;;
spins)
    while :; do :; done
    ;;
wakes-for-ever)
    while :; do sleep 0.05; done
    ;;
listens)
    exec python3 -S -c 'import socket, sys
with socket.create_server((sys.argv[1], 0)) as listener:
    print("listening on %s:%d" % (sys.argv[2], listener.getsockname()[1]), flush=True)
    listener.accept()' "$2" "$3"
    ;;
calls)
    exec python3 -S -c 'import socket, sys
host, port = sys.argv[1].split(":")
with socket.create_connection((host, int(port))):
    print("connected")' "$2"
    ;;
stutters)
    echo one
    echo one
    echo two
    ;;
works)
    python3 -S -c 'import time
while time.process_time() < 0.7: pass'
    echo done
    ;;
waits)
    read -r line
    ;;
waits-in-a-pipe)
    echo up
    cat | cat
    ;;
waits-for-nothing)
    # In a child, so that nothing here has the input in its hands.
    sleep 1000
    ;;
ends) ;;
bursts)
    # Busy in between: a pause would be a timer, and no rest either.
    echo one
    i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); done
    echo two
    read -r line
    echo "$line"
    ;;
needs-memory)
    python3 -S -c 'print(len(b"x" * (256 << 20)))'
    ;;
holds-output)
    sleep 1000 &
    echo $! >grandchild
    echo done
    ;;
holds-output-later)
    sleep 1000 &
    echo $! >grandchild
    echo up
    # Long enough to be seen with its child, both of them asleep.
    sleep 0.3
    echo done
    ;;
leaves-quietly)
    sleep 1000 >/dev/null 2>&1 </dev/null &
    echo $! >grandchild
    echo done
    ;;
flood-of-bytes)
    trap '' TERM
    tr '\0' x </dev/zero
    ;;
flood-of-lines)
    trap '' TERM
    yes
    ;;
flood-of-empty-lines)
    trap '' TERM
    yes ''
    ;;
flood-of-errors)
    trap '' TERM
    yes >&2
    ;;
binary)
    printf 'caf\351 \377\376 \033[2J\007\n'
    ;;
escapes)
    text='\033]0;your terminal is mine\007\033[31;5mred\033[0m\b\b\t\r\177\000 \302\233 \342\200\256 \\033'
    # Printed one after the other: a shell does not keep NUL in a variable.
    printf "$text\n"
    printf "$text\n" >&2
    ;;
no-final-newline)
    printf hello
    ;;
on-stderr)
    echo hello >&2
    ;;
closes-output)
    echo bye
    exec >&-
    read -r line
    read -r line
    ;;
keeps)
    mkdir -p "$2/deep"
    echo "$3" >>"$2/deep/kept"
    echo "$2:" $(cat "$2/deep/kept")
    while IFS= read -r line; do echo "typed $line"; done
    ;;
sleeps)
    sleep 0.3
    echo late
    ;;
sleeps-while-another-waits)
    sleep 1000 &
    { sleep 0.3; echo late; } &
    wait
    ;;
python)
    exec python3 -S "$here/$2.py"
    ;;
*)
    echo "no such peer: $1" >&2
    exit 99
    ;;
esac
