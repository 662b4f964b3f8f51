"""Bare Twisted, LineOnlyReceiver: every line goes to everybody."""

import sys

from twisted.internet import reactor
from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineOnlyReceiver


class Chat(LineOnlyReceiver):
    clients: dict = {}

    def connectionMade(self):
        self.transport.setTcpNoDelay(True)
        self.clients[self] = None

    def connectionLost(self, reason):
        self.clients.pop(self, None)

    def lineReceived(self, line):
        data = line + b"\r\n"
        for client in self.clients:
            client.transport.write(data)


if __name__ == "__main__":
    factory = Factory.forProtocol(Chat)
    reactor.listenTCP(int(sys.argv[1]), factory, backlog=4096, interface="127.0.0.1")
    reactor.run()
