#!/usr/bin/env -S python3 -S
import socket
import sys
import threading

what, args = sys.argv[1], sys.argv[2:]
kept = []

if what == "files":
    for _ in range(int(args[0])):
        kept.append(open("/dev/null"))
elif what == "threads":
    over = threading.Event()
    try:
        for _ in range(int(args[0])):
            kept.append(threading.Thread(target=over.wait, daemon=True))
            kept[-1].start()
    except RuntimeError as error:
        over.set()
        sys.exit(f"{error}")
elif what == "space":
    with open(args[0] + "/kept", "wb", buffering=0) as file:
        for _ in range(int(args[1])):
            kept = file.write(b"x" * 1024)
elif what == "memory":
    for _ in range(int(args[0])):
        kept.append(bytearray(b"x") * (1 << 20))
elif what == "says":
    sys.exit(
        "Too many open files (os error 24), can't start new thread, "
        "No space left on device (os error 28), Cannot allocate memory (os error 12)"
    )
elif what == "listen":
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    print("listening on /ip4/127.0.0.1/tcp/%d" % listener.getsockname()[1])
    while True:
        kept.append(listener.accept()[0])
        try:
            kept[-1].sendall(b"hello\n")
            if kept[-1].recv(1) == b"!":
                sys.exit()
        except OSError:
            pass
elif what == "dial":
    with socket.create_connection(("127.0.0.1", int(args[0].split("/")[-1]))) as connection:
        print(connection.makefile().readline().strip())
        connection.sendall(b"!")
elif what == "dial-without-end":
    while True:
        kept.append(socket.create_connection(("127.0.0.1", int(args[0].split("/")[-1]))))
elif what == "waits":
    sys.stdin.readline()

if what != "dial":
    print("done")
