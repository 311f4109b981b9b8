"""A peer that listens. The first argument says on what."""

import http.server
import os
import select
import socket
import ssl
import sys

CERTIFICATE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "certificate.pem")


def converse(connection):
    """Prints each line that comes, and answers it."""
    with connection, connection.makefile("r", encoding="utf-8", newline="\n") as lines:
        for line in lines:
            print(line.rstrip("\n"))
            connection.sendall(("heard: " + line).encode())


def tls():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print("listening on 127.0.0.1:%d" % listener.getsockname()[1])
        connection, _ = listener.accept()
        connection = context.wrap_socket(connection, server_side=True)
        print("connected with " + connection.version())
        converse(connection)


def ipv6():
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener:
        print("listening on [::1]:%d" % listener.getsockname()[1])
        converse(listener.accept()[0])


def unix(path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        print("listening on " + path)
        converse(listener.accept()[0])


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers every request, and keeps the connection."""

    protocol_version = "HTTP/1.1"
    connections = 0

    def setup(self):
        super().setup()
        Handler.connections += 1
        self.number = Handler.connections

    def answer(self, more=""):
        print("%s %s, connection %d%s" % (self.command, self.path, self.number, more))
        body = ("you asked for %s\n" % self.path).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.answer(": " + body)

    def log_message(self, *_):
        pass


def http_():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        print("listening on 127.0.0.1:%d" % server.server_address[1])
        server.serve_forever()


def hub():
    """Says who has come, and passes on to all of them what is typed."""
    with socket.create_server(("127.0.0.1", 0), backlog=32) as listener:
        print("listening on 127.0.0.1:%d" % listener.getsockname()[1])
        names, typed = {}, b""
        while True:
            for ready in select.select([listener, sys.stdin, *names], [], [])[0]:
                if ready is listener:
                    names[listener.accept()[0]] = b""
                elif ready is sys.stdin:
                    piece = os.read(0, 1000)
                    if not piece:
                        return
                    typed += piece
                    *lines, typed = typed.split(b"\n")
                    for line in lines:
                        for connection in names:
                            connection.sendall(line + b"\n")
                else:
                    names[ready] += ready.recv(1000)
                    if names[ready].endswith(b"\n"):
                        print(names[ready].decode().rstrip("\n") + " is here")


{"tls": tls, "ipv6": ipv6, "unix": unix, "http": http_, "hub": hub}[sys.argv[1]](*sys.argv[2:])
