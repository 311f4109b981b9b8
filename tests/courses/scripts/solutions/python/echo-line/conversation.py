import os
import socket
import sys
import threading


def send_typed(connection):
    while typed := os.read(0, 65536):
        connection.sendall(typed)
    connection.shutdown(socket.SHUT_WR)


def print_received(connection):
    with connection.makefile("rb") as lines:
        for line in lines:
            if not line.endswith(b"\n"):
                raise ConnectionError("half a line")
            print(line[:-1].decode())


def converse(connection, me):
    try:
        connection.sendall(f"hello from {me}\n".encode())
        sender = threading.Thread(target=send_typed, args=[connection], daemon=True)
        sender.start()
        print_received(connection)
        sender.join()
    except ConnectionError:
        print("connection lost")
        sys.exit(1)


def listen():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print("listening on 127.0.0.1:%d" % listener.getsockname()[1])
        connection, _ = listener.accept()
    converse(connection, "listener")


def dial(address):
    host, port = address.rsplit(":", 1)
    converse(socket.create_connection((host, int(port))), "dialer")


if __name__ == "__main__":
    listen() if sys.argv[1] == "listener" else dial(sys.argv[2])
